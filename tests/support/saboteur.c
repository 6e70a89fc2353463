// A library that stands between pyexec and libc (LD_PRELOAD). Two ways of getting in the way:
//
//   SABOTAGE=[role/]name        a lie: the call that `name` stands for says that it succeeded, and
//                               does nothing (or less). Until the caller has its system call filter,
//                               so that what a job does itself is not touched. refuse_setresuid,
//                               refuse_setns: no lie, but EPERM. short_mount: no lie, but ENOMEM, as
//                               long as the file $SABOTEUR_SHORT is there.
//   SABOTEUR_LOG=file           a fault: every call that a program which called `saboteur_arm` makes,
//   SABOTEUR_FAULT=label:k:errno    and its children make, is numbered in each process and written to
//                               `file`; the one named, or each of that name (":name:errno"), fails.
//
// A process is labelled by its descent: 0 is the program, 0.1 its second child. Within a process the
// order of calls is always the same; between processes it is not.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))real(#name))

static char wanted_lie[64], wanted_role[16], role[16] = "launcher";
static int filtered, lies_told;

struct entry {
  char label[24], name[32];
  int number;
};
struct log {
  int fired, count;
  struct entry entries[4096];
};
static struct log* log_;
static char label[24] = "0", fault_label[24], fault_name[32];
static int armed, fault_number = -1, fault_errno, number, children;

static void* real(const char* name) {
  return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void) {
  const char* sabotage = getenv("SABOTAGE");
  if (sabotage != NULL) {
    const char* slash = strchr(sabotage, '/');
    if (slash != NULL) memcpy(wanted_role, sabotage, (size_t)(slash - sabotage));
    strncpy(wanted_lie, slash != NULL ? slash + 1 : sabotage, sizeof wanted_lie - 1);
  }
  const char* path = getenv("SABOTEUR_LOG");
  if (path != NULL) {
    const int fd = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd == -1 || ftruncate(fd, sizeof *log_) == -1) abort();
    log_ = REAL(mmap)(NULL, sizeof *log_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (log_ == MAP_FAILED) abort();
    close(fd);
  }
  const char* fault = getenv("SABOTEUR_FAULT");
  if (fault != NULL && sscanf(fault, "%23[0-9.]:%d:%d", fault_label, &fault_number, &fault_errno) != 3) {
    fault_label[0] = '\0';
    if (sscanf(fault, ":%31[^:]:%d", fault_name, &fault_errno) != 2) abort();
  }
  unsetenv("LD_PRELOAD");  // what jobs start is not our business
  unsetenv("SABOTAGE");
}

// ---- faults

EXPORT void saboteur_arm(void) {
  armed = 1;
}
EXPORT void saboteur_disarm(void) {
  armed = 0;
}

static int fails(const char* name, long detail) {
  if (!armed || log_ == NULL) return 0;
  const int own = number++;
  char full[32];
  if (detail >= 0)
    snprintf(full, sizeof full, "%s.%ld", name, detail);
  else
    snprintf(full, sizeof full, "%s", name);
  const int at = __atomic_fetch_add(&log_->count, 1, __ATOMIC_SEQ_CST);
  if (at < (int)(sizeof log_->entries / sizeof log_->entries[0])) {
    memcpy(log_->entries[at].label, label, sizeof label);
    memcpy(log_->entries[at].name, full, sizeof full);
    log_->entries[at].number = own;
  }
  const int hit = fault_label[0] != '\0' ? own == fault_number && strcmp(label, fault_label) == 0
                                         : fault_name[0] != '\0' && strcmp(full, fault_name) == 0;
  if (!hit) return 0;
  __atomic_add_fetch(&log_->fired, 1, __ATOMIC_SEQ_CST);
  errno = fault_errno;
  return 1;
}

static void be_child(int ordinal) {
  const size_t used = strlen(label);
  snprintf(label + used, sizeof label - used, ".%d", ordinal);
  number = children = 0;
}

// ---- lies

static int lies(const char* name) {
  if (filtered || strcmp(wanted_lie, name) != 0) return 0;
  if (wanted_role[0] != '\0' && strcmp(wanted_role, role) != 0) return 0;
  ++lies_told;
  return 1;
}

static void be(const char* name) {
  strncpy(role, name, sizeof role - 1);
}

static uint64_t namespace_lies(uint64_t flags, const char* prefix) {
  static const struct {
    const char* name;
    uint64_t flag;
  } rows[] = {{"user", CLONE_NEWUSER}, {"pid", CLONE_NEWPID}, {"mnt", CLONE_NEWNS},
              {"net", CLONE_NEWNET},   {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}};
  char name[64];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    snprintf(name, sizeof name, "%s_%s", prefix, rows[i].name);
    if ((flags & rows[i].flag) != 0 && lies(name)) flags &= ~rows[i].flag;
  }
  return flags;
}

// ---- calls with both

EXPORT long syscall(long call, ...) {
  va_list list;
  va_start(list, call);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  long (*next)(long, ...) = (long (*)(long, ...))real("syscall");
  if (fails("syscall", call)) return -1;
  if (filtered) return next(call, a[0], a[1], a[2], a[3], a[4], a[5]);  // a job's own: any arguments
  switch (call) {
    case SYS_seccomp: {
      if (a[0] != 1) break;
      const long result = lies("seccomp") ? 0 : next(call, a[0], a[1], a[2], a[3], a[4], a[5]);
      filtered = 1;
      return result;
    }
    case SYS_capset:
      if (lies("capset")) return 0;
      break;
    case SYS_pivot_root:
      if (lies("pivot_root")) return 0;
      break;
    case SYS_close_range:
      if (lies("close_range")) return 0;
      break;
    case SYS_landlock_restrict_self:
      if (lies("landlock_restrict")) return 0;
      break;
    case SYS_landlock_add_rule:
      if (lies("landlock_rule")) return 0;
      break;
    case SYS_pidfd_send_signal:
      if (a[1] != 0 && lies("pidfd_send_signal")) return 0;
      break;
    case SYS_clone3: {
      struct clone_args* args = (struct clone_args*)a[0];
      const int is_init = (args->flags & CLONE_NEWNET) != 0, ordinal = children++;
      args->flags = namespace_lies(args->flags, "clone3");
      const long pid = next(call, a[0], a[1], a[2], a[3], a[4], a[5]);
      if (pid == 0) {
        be_child(ordinal);
        if (is_init) be("init");
      }
      return pid;
    }
  }
  return next(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

EXPORT int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  unsigned long a[4];
  for (int i = 0; i < 4; ++i) a[i] = va_arg(list, unsigned long);
  va_end(list);
  if (fails("prctl", option)) return -1;
  if (filtered) return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
  if (option == PR_CAPBSET_DROP && lies("bounding")) return 0;
  if (option == PR_SET_NO_NEW_PRIVS && lies("no_new_privs")) return 0;
  if (option == PR_SET_DUMPABLE && lies("dumpable")) return 0;
  if (option == PR_SET_DUMPABLE && a[0] == 0 && lies("undumpable")) return 0;
  if (option == PR_SET_PDEATHSIG && lies("parent_death")) return 0;
  if (option == PR_CAP_AMBIENT && lies("ambient")) return 0;
  if (option == PR_SET_NAME && strncmp((const char*)a[0], "pyexec-", 7) == 0) be((const char*)a[0] + 7);
  return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

EXPORT pid_t fork(void) {
  if (fails("fork", -1)) return -1;
  const int ordinal = children++;
  const pid_t pid = REAL(fork)();
  if (pid == 0) be_child(ordinal);
  return pid;
}

EXPORT pid_t setsid(void) {
  if (fails("setsid", -1)) return -1;
  if (strcmp(role, "init") != 0) be("worker");
  return lies("setsid") ? getpid() : REAL(setsid)();
}

// Without the option that begins with `key`.
static void without(const char* options, const char* key, char* out, size_t room) {
  out[0] = '\0';
  for (const char* at = options; *at != '\0';) {
    const size_t size = strcspn(at, ",");
    if (strncmp(at, key, strlen(key)) != 0)
      snprintf(out + strlen(out), room - strlen(out), "%s%.*s", out[0] ? "," : "", (int)size, at);
    at += size + (at[size] == ',');
  }
}

EXPORT int mount(const char* source, const char* target, const char* type, unsigned long flags,
                 const void* data) {
  if (fails("mount", -1)) return -1;
  if (lies("short_mount") && access(getenv("SABOTEUR_SHORT"), F_OK) == 0) return errno = ENOMEM, -1;
  char options[256];
  if (flags & MS_REMOUNT) {
    if (lies("remount")) return 0;
    if (lies(strcmp(target, "/tmp") == 0 ? "remount_root" : "remount_entry")) return 0;
  } else if (flags & MS_BIND) {
    if (lies("bind")) return 0;
  } else if (flags & MS_PRIVATE) {
    if (lies("private")) return 0;
  } else if (type != NULL && strcmp(type, "overlay") == 0) {
    if (lies("overlay")) return 0;
  } else if (type != NULL && strcmp(type, "tmpfs") == 0) {
    if (strcmp(source, "pyexec-root") == 0 && lies("root_tmpfs")) return 0;
    if (strcmp(source, "pyexec-scratch") == 0 && lies("scratch_tmpfs")) return 0;
    const char* key = lies("tmpfs_size") ? "size=" : lies("tmpfs_inodes") ? "nr_inodes=" : NULL;
    if (key != NULL) {
      without(data, key, options, sizeof options);
      data = options;
    }
    if (lies("tmpfs_flags")) flags = 0;
  }
  return REAL(mount)(source, target, type, flags, data);
}

// What an init looks at after a job. The first time is before there was one.
EXPORT int lstat(const char* path, struct stat* out) {
  static int looks;
  if (fails("lstat", -1)) return -1;
  if (strcmp(path, "/tmp") == 0 && looks++ > 0 && lies("inode_unread")) return errno = EIO, -1;
  return REAL(lstat)(path, out);
}

EXPORT int statfs(const char* path, struct statfs* out) {
  static int looks;
  if (fails("statfs", -1)) return -1;
  const int later = strcmp(path, "/etc") == 0 && looks++ > 0;
  return later && lies("room_unread") ? (errno = EIO, -1) : REAL(statfs)(path, out);
}

EXPORT ssize_t pread(int fd, void* data, size_t size, off_t at) {
  if (fails("pread", -1)) return -1;
  return lies("counter_unread") ? (errno = EIO, -1) : REAL(pread)(fd, data, size, at);
}

EXPORT int mknod(const char* path, mode_t mode, dev_t device) {
  if (fails("mknod", -1)) return -1;
  if (lies("refuse_mknod")) return errno = EPERM, -1;
  return lies("mknod") ? 0 : REAL(mknod)(path, mode, device);
}

EXPORT int unshare(int flags) {
  if (fails("unshare", -1)) return -1;
  if (lies("unshare")) return 0;
  flags = (int)namespace_lies((uint64_t)flags, "unshare");
  return flags == 0 ? 0 : REAL(unshare)(flags);
}

EXPORT int setns(int fd, int flags) {
  if (fails("setns", -1)) return -1;
  if (lies("refuse_setns")) return errno = EPERM, -1;
  if (lies("setns")) return 0;
  flags = (int)namespace_lies((uint64_t)flags, "setns");
  return flags == 0 ? 0 : REAL(setns)(fd, flags);
}

EXPORT ssize_t write(int fd, const void* data, size_t size) {
  if (fails("write", -1)) return -1;
  if (wanted_lie[0] != '\0' && !filtered) {
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t got = readlink(link, path, sizeof path - 1);
    path[got > 0 ? got : 0] = '\0';
    const char* name = strrchr(path, '/');
    name = name == NULL ? "" : name + 1;
    const int in_cgroup = strncmp(path, "/sys/fs/cgroup", 14) == 0;
    if (in_cgroup && strncmp(name, "memory.", 7) == 0 && lies("cgroup_memory")) return (ssize_t)size;
    if (in_cgroup && strcmp(name, "pids.max") == 0 && lies("cgroup_pids")) return (ssize_t)size;
    if (in_cgroup && strcmp(name, "cgroup.procs") == 0 && lies("cgroup_procs")) return (ssize_t)size;
    if (in_cgroup && lies("cgroup")) return (ssize_t)size;
    if (strcmp(name, "oom_score_adj") == 0 && lies("oom_score")) return (ssize_t)size;
    if (strcmp(name, "uid_map") == 0 && lies("uid_map")) return (ssize_t)size;
    if (strcmp(name, "gid_map") == 0 && lies("gid_map")) return (ssize_t)size;
    if (strcmp(name, "setgroups") == 0 && lies("deny_groups")) return (ssize_t)size;
  }
  return REAL(write)(fd, data, size);
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
  if (fails("setrlimit", (long)resource)) return -1;
  char name[32];
  snprintf(name, sizeof name, "setrlimit_%d", (int)resource);
  return lies("setrlimit") || lies(name) ? 0 : REAL(setrlimit)(resource, limit);
}

EXPORT int kill(pid_t pid, int signal) {
  if (fails("kill", -1)) return -1;
  return signal != 0 && lies("kill") ? 0 : REAL(kill)(pid, signal);
}

EXPORT int setresuid(uid_t a, uid_t b, uid_t c) {
  if (fails("setresuid", -1)) return -1;
  if (lies("refuse_setresuid")) return errno = EPERM, -1;
  return lies("setresuid") ? 0 : REAL(setresuid)(a, b, c);
}

#define BOTH(result, name, failed, parameters, arguments) \
  EXPORT result name parameters {                         \
    if (fails(#name, -1)) return failed;                  \
    return lies(#name) ? 0 : REAL(name) arguments;        \
  }
BOTH(int, setresgid, -1, (gid_t a, gid_t b, gid_t c), (a, b, c))
BOTH(int, setgroups, -1, (size_t count, const gid_t* list), (count, list))
BOTH(int, umount2, -1, (const char* path, int flags), (path, flags))
BOTH(int, sethostname, -1, (const char* name, size_t size), (name, size))
BOTH(int, chown, -1, (const char* path, uid_t uid, gid_t gid), (path, uid, gid))
BOTH(int, chmod, -1, (const char* path, mode_t mode), (path, mode))
BOTH(int, chdir, -1, (const char* path), (path))
BOTH(int, chroot, -1, (const char* path), (path))

// ---- calls with faults only

#define FAULT(result, name, failed, parameters, arguments) \
  EXPORT result name parameters {                          \
    if (fails(#name, -1)) return failed;                   \
    return REAL(name) arguments;                           \
  }
FAULT(int, getrlimit, -1, (__rlimit_resource_t r, struct rlimit* limit), (r, limit))
FAULT(int, uname, -1, (struct utsname * names), (names))
FAULT(int, getresuid, -1, (uid_t * a, uid_t* b, uid_t* c), (a, b, c))
FAULT(int, getresgid, -1, (gid_t * a, gid_t* b, gid_t* c), (a, b, c))
FAULT(int, getgroups, -1, (int count, gid_t* list), (count, list))
FAULT(int, mkdir, -1, (const char* path, mode_t mode), (path, mode))
FAULT(int, rmdir, -1, (const char* path), (path))
FAULT(int, unlink, -1, (const char* path), (path))
FAULT(int, unlinkat, -1, (int fd, const char* path, int flags), (fd, path, flags))
FAULT(int, symlink, -1, (const char* to, const char* path), (to, path))
FAULT(ssize_t, readlinkat, -1, (int fd, const char* path, char* text, size_t size), (fd, path, text, size))
FAULT(int, access, -1, (const char* path, int mode), (path, mode))
FAULT(int, statvfs, -1, (const char* path, struct statvfs* state), (path, state))
FAULT(int, dup2, -1, (int from, int to), (from, to))
FAULT(int, dup3, -1, (int from, int to, int flags), (from, to, flags))
FAULT(int, pipe, -1, (int pair[2]), (pair))
FAULT(int, socketpair, -1, (int a, int b, int c, int pair[2]), (a, b, c, pair))
FAULT(ssize_t, send, -1, (int fd, const void* data, size_t size, int flags), (fd, data, size, flags))
FAULT(ssize_t, sendmsg, -1, (int fd, const struct msghdr* message, int flags), (fd, message, flags))
FAULT(ssize_t, recvmsg, -1, (int fd, struct msghdr* message, int flags), (fd, message, flags))
FAULT(ssize_t, read, -1, (int fd, void* data, size_t size), (fd, data, size))
FAULT(pid_t, waitpid, -1, (pid_t pid, int* status, int flags), (pid, status, flags))
FAULT(pid_t, wait4, -1, (pid_t pid, int* status, int flags, struct rusage* used), (pid, status, flags, used))
FAULT(int, sigprocmask, -1, (int how, const sigset_t* set, sigset_t* old), (how, set, old))
FAULT(sighandler_t, signal, SIG_ERR, (int number_, sighandler_t handler), (number_, handler))
FAULT(int, inotify_init1, -1, (int flags), (flags))
FAULT(int, inotify_add_watch, -1, (int fd, const char* path, uint32_t mask), (fd, path, mask))
FAULT(int, poll, -1, (struct pollfd * fds, nfds_t count, int time), (fds, count, time))
FAULT(int, ppoll, -1, (struct pollfd * fds, nfds_t count, const struct timespec* time, const sigset_t* set),
      (fds, count, time, set))
FAULT(DIR*, opendir, NULL, (const char* path), (path))
FAULT(char*, mkdtemp, NULL, (char* path), (path))
FAULT(FILE*, setmntent, NULL, (const char* path, const char* mode), (path, mode))
FAULT(int, setpgid, -1, (pid_t pid, pid_t group), (pid, group))
FAULT(int, socket, -1, (int a, int b, int c), (a, b, c))
FAULT(int, shutdown, -1, (int fd, int how), (fd, how))

EXPORT int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return fails("open", -1) ? -1 : REAL(open)(path, flags, mode);
}

EXPORT int openat(int fd, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  return fails("openat", -1) ? -1 : REAL(openat)(fd, path, flags, mode);
}

EXPORT int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  // The check of every number up to 255 is one point: that they are closed is what a failure says.
  if (command != F_GETFD && fails("fcntl", command)) return -1;
  return REAL(fcntl)(fd, command, argument);
}
