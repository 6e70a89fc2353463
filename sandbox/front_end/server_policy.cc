// The system calls that the server may make while it serves, and so all that a compromised server
// can ask of the kernel. The server gets the files, programs and other processes it needs before
// the filter is installed (server/main.cc).
#include "sandbox/front_end/server_policy.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/policy/policy_words.h"

namespace pyexec::sandbox {
namespace {

// Not formatted, so that each row of the table reads as a unit.
// clang-format off
std::vector<SyscallRule> rules() {
  return {
      {{SYS_epoll_pwait, SYS_epoll_ctl, SYS_epoll_create1, SYS_eventfd2, SYS_timerfd_create,
        SYS_timerfd_settime, SYS_ppoll},
       always(), kNever, "waiting: Asio's reactor"},
      {{SYS_accept4, SYS_accept, SYS_recvmsg, SYS_recvfrom, SYS_sendmsg, SYS_sendto, SYS_shutdown, SYS_listen,
        SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt},
       always(), kNever, "clients, workers and the launcher, on sockets that are there or are accepted"},
      {{SYS_socketpair}, if_argument_is(0, {AF_UNIX}), EPERM, "the control socket of another zygote"},
      {{SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_close, SYS_pipe2, SYS_fstat, SYS_newfstatat, SYS_lseek},
       always(), kNever, "output of jobs, log lines, the signal pipe"},
      {{SYS_openat},
       {{Condition{2, Test::no_bits_of, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC}}}, EACCES,
       "the list of its own children, the scripts that are tools, messages of libraries: reading only"},
      {{SYS_getdents64}, always(), kNever, "the directory of those scripts"},
      {{SYS_ioctl}, if_argument_is(1, {FIONBIO, FIONREAD, TCGETS}), ENOTTY, "non-blocking mode"},
      {{SYS_fcntl},
       if_argument_is(1, {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC}), EPERM, "descriptor flags"},
      {{SYS_mmap}, {{Condition{2, Test::no_bits_of, PROT_EXEC}}}, EACCES, "memory, never executable"},
      {{SYS_mprotect}, {{Condition{2, Test::no_bits_of, PROT_EXEC}}}, EACCES, "memory, never executable"},
      {{SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise}, always(), kNever, "memory"},
      {{SYS_futex, SYS_sched_yield, SYS_gettid, SYS_getpid, SYS_set_robust_list, SYS_rseq},
       always(), kNever, "locks of the standard library"},
      {{SYS_clone},
       {{Condition{0, Test::any_bit_of, CLONE_THREAD},
         Condition{0, Test::no_bits_of, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET}}}, EPERM,
       "threads, no processes"},
      {{SYS_clone3}, never(), ENOSYS, "its flags lie behind a pointer; glibc falls back to clone"},
      {{SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall},
       always(), kNever, "SIGTERM, SIGINT, SIGCHLD"},
      {{SYS_prctl}, if_argument_is(0, {PR_GET_SECCOMP}), EPERM, "reading the filter back"},
      {{SYS_tgkill}, always(), kNever, "abort"},
      {{SYS_wait4, SYS_waitid}, always(), kNever, "the launcher, and what it left"},
      {{SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom},
       always(), kNever, "deadlines, identifiers"},
      {{SYS_exit, SYS_exit_group}, always(), kNever, "the end"},
      {{SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_execve, SYS_execveat, SYS_socket,
        SYS_connect, SYS_bind, SYS_mount, SYS_unshare, SYS_setns, SYS_kill, SYS_setuid, SYS_setresuid},
       never(), EPERM, "what an attacker would want next"},
#if defined(__SANITIZE_ADDRESS__)
      {{SYS_sigaltstack}, always(), kNever, "AddressSanitizer asks for the stack of signals at each throw"},
#endif
#if defined(__x86_64__)
      {{SYS_open}, {{Condition{1, Test::no_bits_of, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC}}}, EACCES,
       "older name of openat"},
      {{SYS_epoll_wait, SYS_poll}, always(), kNever, "older names of epoll_pwait, ppoll"},
      {{SYS_fork, SYS_vfork}, never(), EPERM, "threads, no processes"},
#endif
  };
}
// clang-format on

}  // namespace

Policy server_policy() {
#if defined(__x86_64__)
  return {AUDIT_ARCH_X86_64, rules(), ENOSYS};
#elif defined(__aarch64__)
  return {AUDIT_ARCH_AARCH64, rules(), ENOSYS};
#else
#error "no policy for this architecture"
#endif
}

}  // namespace pyexec::sandbox
