// The table, an allow-list: a call that is not named here fails with ENOSYS, as if the kernel
// were older than the call. A row refuses with another errno if the caller's library falls back
// on that errno, or if a person should read it (EPERM shows as PermissionError).
//
// Calls that only x86-64 has are in rows of their own: newer architectures never had them.
#include "sandbox/policy/python_policy.h"

#include <asm/ioctls.h>
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/policy/policy_words.h"

namespace pyexec::sandbox {
namespace {

// Newer than Debian 12's headers; the same number on every architecture.
constexpr int kSysCachestat = 451, kSysMapShadowStack = 453, kSysFutexWake = 454,
              kSysFutexWait = 455, kSysFutexRequeue = 456, kSysStatmount = 457, kSysListmount = 458,
              kSysLsmGetSelfAttr = 459, kSysLsmSetSelfAttr = 460, kSysLsmListModules = 461,
              kSysMseal = 462;

// New namespaces would undo the jail. CLONE_PARENT would put children into the zygote's wait
// list. CLONE_UNTRACED would hide a child from its tracer, and CLONE_PTRACE would hand it to one.
constexpr std::uint32_t kForbiddenCloneFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
    CLONE_NEWNET | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED;

constexpr std::uint32_t kForbiddenMessageFlags = MSG_OOB | MSG_ZEROCOPY | MSG_FASTOPEN;

std::vector<Alternative> own_state_and_parents_death() {
  std::vector<Alternative> alternatives = own_names_and_state();
  alternatives.push_back({Condition{0, Test::equals, PR_SET_PDEATHSIG}});
  return alternatives;
}

std::vector<Alternative> stream_pairs() {
  std::vector<Alternative> alternatives;
  for (const unsigned type : {SOCK_STREAM, SOCK_SEQPACKET})
    for (const unsigned flags :
         {0, int{SOCK_CLOEXEC}, int{SOCK_NONBLOCK}, SOCK_CLOEXEC | SOCK_NONBLOCK})
      alternatives.push_back(
          {Condition{0, Test::equals, AF_UNIX}, Condition{1, Test::equals, type | flags}});
  return alternatives;
}

std::vector<Alternative> own_nicer_priorities() {
  std::vector<Alternative> alternatives;
  for (unsigned nice = 0; nice < 20; ++nice)
    alternatives.push_back({Condition{0, Test::equals, PRIO_PROCESS}, Condition{1, Test::equals, 0},
                            Condition{2, Test::equals, nice}});
  return alternatives;
}

std::vector<Alternative> own_limits() {
  std::vector<Alternative> alternatives;
  for (const unsigned limit : {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_MEMLOCK,
                               RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_STACK})
    alternatives.push_back({Condition{0, Test::equals, 0}, Condition{1, Test::equals, limit}});
  return alternatives;
}

std::vector<SyscallRule> conditional_rules() {
  return {
    // These come first because only they run in the filter: the kernel caches calls that are
    // always allowed.
    {{SYS_clone},
     {{Condition{0, Test::no_bits_of, kForbiddenCloneFlags}}},
     EPERM,
     "threads and fork, without namespaces"},
        {{SYS_ioctl},
         if_argument_is(1, {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGWINSZ}),
         ENOTTY,
         "isatty, non-blocking mode; TIOCSTI and TIOCLINUX type into somebody's terminal; on "
         "ENOTTY "
         "shutil gives up a FICLONE copy"},
        {{SYS_fcntl},
         if_argument_is(1,
                        {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ,
                         F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW}),
         EINVAL,
         "descriptor flags, and locks on the jail's own inodes (jail_root.h); leases, "
         "notifications, "
         "signal ownership and larger pipes are out"},
        {{SYS_prctl},
         own_state_and_parents_death(),
         EPERM,
         "thread names, children that follow their parent, reading one's own state"},
        {{SYS_madvise},
         if_argument_is(2, {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
                            MADV_FREE, MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
                            MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_COLD}),
         EINVAL,
         "what allocators and numpy say; poisoning and collapsing pages is out"},
        {{SYS_prlimit64},
         own_limits(),
         EPERM,
         "one's own limits: they can be lowered, and raised no more; but for RLIMIT_CORE, for "
         "which "
         "0 "
         "means more than 1 (limits.cc)"},
        {{SYS_getpriority},
         {{Condition{0, Test::equals, PRIO_PROCESS}, Condition{1, Test::equals, 0}}},
         EPERM,
         "os.nice on oneself"},
        {{SYS_setpriority},
         own_nicer_priorities(),
         EPERM,
         "the same; kernels without RLIMIT_NICE (gVisor) would let it be lowered, too"},
        {{SYS_socketpair},
         stream_pairs(),
         EPERM,
         "asyncio's and multiprocessing's own pipes, which reach nobody else; an end of a datagram "
         "pair "
         "does, once its peer is closed"},
        {{SYS_sendto, SYS_recvfrom},
         {{Condition{3, Test::no_bits_of, kForbiddenMessageFlags}}},
         EPERM,
         "a socketpair's ends; urgent and zero-copy data have a history of kernel bugs"},
        {{SYS_sendmsg, SYS_recvmsg},
         {{Condition{2, Test::no_bits_of, kForbiddenMessageFlags}}},
         EPERM,
         "the same; multiprocessing passes descriptors this way"},
        {{SYS_getsockopt},
         {{Condition{1, Test::equals, SOL_SOCKET}, Condition{2, Test::equals, SO_TYPE}},
          {Condition{1, Test::equals, SOL_SOCKET}, Condition{2, Test::equals, SO_DOMAIN}},
          {Condition{1, Test::equals, SOL_SOCKET}, Condition{2, Test::equals, SO_PROTOCOL}},
          {Condition{1, Test::equals, SOL_SOCKET}, Condition{2, Test::equals, SO_ERROR}}},
         EPERM,
         "what Python asks of a socket; others hand out pidfds and filters"},
        {{SYS_preadv2, SYS_pwritev2},
         if_argument_is(5, {0}),
         EOPNOTSUPP,
         "without flags, as readv; RWF_NOWAIT tells what is in the page cache that all share"},
        {{SYS_fadvise64},
         if_argument_is(3, {POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL,
                            POSIX_FADV_WILLNEED, POSIX_FADV_NOREUSE}),
         EPERM,
         "hints; POSIX_FADV_DONTNEED empties a cache that all share"},
#if defined(__x86_64__)
        {{SYS_arch_prctl},
         if_argument_is(0, {ARCH_SET_FS, ARCH_GET_FS}),
         EINVAL,
         "thread-local storage in programs that the job executes; EINVAL is what kernels without "
         "the "
         "other codes say"},
#endif
  };
}

// Not formatted, so that each row of the table reads as a unit.
// clang-format off
std::vector<SyscallRule> allowed_rules() {
  return {
      {{SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
        SYS_lseek, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_pipe2,
        SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_truncate, SYS_fallocate},
       always(), kNever, "file and pipe I/O on descriptors the job has"},
      {{SYS_openat, SYS_newfstatat, SYS_fstat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat,
        SYS_faccessat2, SYS_readlinkat, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_getdents64, SYS_mkdirat,
        SYS_unlinkat, SYS_renameat2, SYS_symlinkat, SYS_linkat, SYS_utimensat, SYS_umask, SYS_fchmod,
        SYS_fchmodat, kSysFchmodat2},
       always(), kNever, "files by path: the jail's root is read-only but for /tmp and /dev/shm"},
      {{SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_brk, SYS_msync},
       always(), kNever, "memory; executable pages too, because imports map shared libraries"},
      {{SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait,
        SYS_rt_sigsuspend, SYS_rt_sigqueueinfo, SYS_sigaltstack, SYS_restart_syscall, SYS_kill,
        SYS_tgkill, SYS_tkill, SYS_signalfd4},
       always(), kNever, "signals: the pid namespace holds nobody but the job"},
      {{SYS_futex, SYS_set_robust_list, SYS_set_tid_address, SYS_rseq, SYS_gettid, SYS_sched_yield,
        SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_get_priority_max,
        SYS_sched_get_priority_min, SYS_getcpu},
       always(), kNever, "threads"},
      {{SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid,
        SYS_getresgid, SYS_getgroups, SYS_getpgid, SYS_getsid, SYS_capget, SYS_getrusage, SYS_times,
        SYS_sysinfo, SYS_uname},
       always(), kNever, "reading one's own identity and use"},
      {{SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
        SYS_setitimer, SYS_getitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime,
        SYS_timer_getoverrun, SYS_timer_delete, SYS_timerfd_create, SYS_timerfd_settime,
        SYS_timerfd_gettime},
       always(), kNever, "time and timers"},
      {{SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2,
        SYS_eventfd2},
       always(), kNever, "waiting: selectors, asyncio"},
      {{SYS_shutdown, SYS_getsockname, SYS_getpeername},
       always(), kNever, "the two ends of a socketpair; no other socket can exist"},
      {{SYS_execve, SYS_setsid, SYS_setpgid, SYS_wait4, SYS_waitid, SYS_pidfd_open,
        SYS_pidfd_send_signal},
       always(), kNever, "subprocess and multiprocessing: the jail's init ends what they leave behind"},
      {{SYS_getrandom}, always(), kNever, "random, secrets, uuid"},
      {{SYS_exit, SYS_exit_group}, always(), kNever, "the end"},
#if defined(__x86_64__)
      {{SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_mkdir, SYS_rmdir,
        SYS_unlink, SYS_rename, SYS_renameat, SYS_symlink, SYS_link, SYS_creat, SYS_chmod, SYS_utime,
        SYS_utimes, SYS_futimesat, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create,
        SYS_epoll_wait, SYS_eventfd, SYS_alarm, SYS_pause, SYS_time, SYS_getpgrp, SYS_getrlimit,
        SYS_fork, SYS_vfork},
       always(), kNever, "older names of the calls above"},
#endif
  };
}

std::vector<SyscallRule> refused_rules() {
  return {
      {{SYS_clone3}, never(), ENOSYS, "its flags lie behind a pointer; glibc falls back to clone"},
      {{SYS_copy_file_range}, never(), EXDEV, "the errno on which shutil and pathlib copy by hand"},
      {{SYS_sendfile}, never(), ENOTSOCK, "the same; also writes into other people's page cache"},
      {{SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr,
        SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr,
        SYS_fremovexattr},
       never(), EOPNOTSUPP, "the errno on which shutil skips attributes"},
      {{SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendmmsg,
        SYS_recvmmsg, SYS_setsockopt},
       never(), EPERM, "no network, of any family, whatever the network namespace holds"},
      {{SYS_splice, SYS_tee, SYS_vmsplice}, never(), EPERM,
       "page cache writes: CVE-2022-0847, CVE-2026-31431"},
      {{SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen,
        SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_name_to_handle_at,
        SYS_open_by_handle_at, SYS_quotactl, SYS_quotactl_fd, SYS_swapon, SYS_swapoff},
       never(), EPERM, "the jail's root stays as it is"},
      {{SYS_unshare, SYS_setns}, never(), EPERM, "namespaces hand out capabilities"},
      {{SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
        SYS_setfsuid, SYS_setfsgid, SYS_capset, SYS_chown, SYS_fchown, SYS_lchown, SYS_fchownat},
       never(), EPERM, "identity"},
      {{SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise,
        SYS_process_mrelease, SYS_kcmp, SYS_pidfd_getfd, SYS_get_robust_list, SYS_perf_event_open,
        SYS_bpf, SYS_seccomp, SYS_personality},
       never(), EPERM, "other processes' insides, and the kernel's"},
      {{SYS_mknod, SYS_mknodat}, never(), EPERM, "device nodes and named sockets"},
      {{SYS_sched_setaffinity, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setattr,
        SYS_sched_getattr, SYS_ioprio_set, SYS_ioprio_get, SYS_mbind, SYS_set_mempolicy,
        SYS_get_mempolicy, SYS_migrate_pages, SYS_move_pages, SYS_mlock, SYS_mlock2, SYS_mlockall,
        SYS_munlock, SYS_munlockall, SYS_setrlimit},
       never(), EPERM, "taking more of the machine than one's neighbours"},
      {{SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_semget, SYS_semop, SYS_semctl,
        SYS_semtimedop, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
        SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr},
       never(), EPERM, "objects that outlive their process"},
      {{SYS_sync, SYS_syncfs, SYS_sync_file_range, SYS_readahead, SYS_acct, SYS_reboot, SYS_kexec_load,
        SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_vhangup, SYS_settimeofday,
        SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname,
        SYS_syslog, SYS_lookup_dcookie},
       never(), EPERM, "the whole machine"},
      {{SYS_memfd_create, SYS_memfd_secret}, never(), ENOSYS,
       "its pages escape the address space limit; libraries fall back to /tmp"},
      {{SYS_membarrier}, never(), ENOSYS, "interrupts every core that runs a process which asked for it"},
      {{SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_keyctl,
        SYS_add_key, SYS_request_key, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
        SYS_fanotify_init, SYS_fanotify_mark, SYS_io_setup, SYS_io_submit, SYS_io_getevents,
        SYS_io_destroy, SYS_io_cancel, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_mincore,
        SYS_remap_file_pages, SYS_openat2, SYS_execveat, SYS_rt_tgsigqueueinfo,
        SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
        SYS_futex_waitv, kSysCachestat, kSysMapShadowStack, kSysFutexWake, kSysFutexWait,
        kSysFutexRequeue, kSysStatmount, kSysListmount, kSysLsmGetSelfAttr, kSysLsmSetSelfAttr,
        kSysLsmListModules, kSysMseal},
       never(), ENOSYS, "kernel surface that every caller can do without"},
#if defined(__x86_64__)
      {{SYS_iopl, SYS_ioperm, SYS_modify_ldt}, never(), EPERM, "the whole machine"},
      {{SYS_inotify_init, SYS_signalfd, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl}, never(), ENOSYS,
       "kernel surface that every caller can do without"},
#endif
  };
}

// clang-format on

}  // namespace

Policy python_policy() {
  Policy policy;
#if defined(__x86_64__)
  policy.architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  policy.architecture = AUDIT_ARCH_AARCH64;
#else
#error "no policy for this architecture"
#endif
  for (auto group : {conditional_rules(), allowed_rules(), refused_rules()})
    for (SyscallRule& rule : group) policy.rules.push_back(std::move(rule));
  policy.default_errno = ENOSYS;
  return policy;
}

}  // namespace pyexec::sandbox
