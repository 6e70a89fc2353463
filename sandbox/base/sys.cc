#include "sandbox/base/sys.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "sandbox/base/unique_fd.h"

namespace pyexec::sys {

pid_t clone_namespaces(std::uint64_t flags, int* pidfd) {
  struct clone_args args = {};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(pidfd);
  args.exit_signal = SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

pid_t fork_numbered(pid_t number) {
  // What the C library does for the child of a fork: its thread's number is put where that is kept,
  // and the kernel is told of its list of robust locks.
  int* thread_id = nullptr;
  void* robust_locks = nullptr;
  std::size_t size = 0;
  if (::prctl(PR_GET_TID_ADDRESS, &thread_id) == -1) return -1;
  if (::syscall(SYS_get_robust_list, 0, &robust_locks, &size) == -1) return -1;
  struct clone_args args = {};
  args.flags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  args.child_tid = reinterpret_cast<std::uintptr_t>(thread_id);
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<std::uintptr_t>(&number);
  args.set_tid_size = 1;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0 && robust_locks != nullptr) ::syscall(SYS_set_robust_list, robust_locks, size);
  return pid;
}

int wait_for_light_child(int (*act)(void*), void* stack_top, void* argument) {
  const pid_t pid = ::clone(act, stack_top, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
  int status = -1;
  if (pid == -1) return -1;
  return retry([&] { return ::waitpid(pid, &status, 0); }) == pid ? status : -1;
}

int begin_process_group(std::uint32_t word) {
  return static_cast<int>(::syscall(SYS_setpgid, 0, 0, word));
}

int close_range(unsigned first, unsigned last) {
  last = std::min(last, static_cast<unsigned>(INT_MAX));  // gVisor refuses larger numbers
  return static_cast<int>(::syscall(SYS_close_range, first, last, 0));
}

int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

int pivot_root(const char* new_root, const char* put_old) {
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}

int install_seccomp(const sock_fprog* program) {
  // Flags are 0: gVisor refuses every flag but TSYNC, and the caller has one thread.
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program));
}

int seccomp_mode() {
  return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
}

int join_namespaces(int pidfd, int flags) {
  return ::setns(pidfd, flags);
}

int landlock_abi() {
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

int landlock_create(const LandlockRules& rules, int abi) {
  // A kernel refuses fields newer than itself.
  const std::size_t fields = abi >= 6 ? 3 : abi >= 4 ? 2 : 1;
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &rules, fields * sizeof(std::uint64_t), 0));
}

int landlock_allow_beneath(int ruleset, int directory, std::uint64_t allowed) {
  landlock_path_beneath_attr beneath = {};
  beneath.allowed_access = allowed;
  beneath.parent_fd = directory;
  return static_cast<int>(
      ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0));
}

int landlock_restrict_self(int ruleset) {
  return static_cast<int>(::syscall(SYS_landlock_restrict_self, ruleset, 0));
}

int get_capabilities(Capabilities* out) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) == -1) return -1;
  auto wide = [](std::uint32_t low, std::uint32_t high) {
    return static_cast<std::uint64_t>(high) << 32 | low;
  };
  *out = {wide(data[0].effective, data[1].effective), wide(data[0].permitted, data[1].permitted),
          wide(data[0].inheritable, data[1].inheritable)};
  return 0;
}

int set_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = static_cast<std::uint32_t>(kept), high = static_cast<std::uint32_t>(kept >> 32);
  const __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};
  return static_cast<int>(::syscall(SYS_capset, &header, data));
}

int last_capability() {
  constexpr int kFewest = 36;  // every kernel since 3.5 has at least these
  int capability = 0;
  while (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0) ++capability;
  return errno == EINVAL && capability > kFewest ? capability - 1 : -1;
}

int set_time_slice(std::uint64_t ns) {
  // The kernel's sched_attr; its header on Debian 12 conflicts with <sched.h>.
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t slice_ns, deadline_ns, period_ns;
  } attributes = {};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == -1) return -1;
  attributes.slice_ns = ns;
  return static_cast<int>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

bool send_all(int socket, const void* data, std::size_t size) {
  auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = retry([&] { return ::send(socket, bytes, size, MSG_NOSIGNAL); });
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool write_setting(const char* path, std::string_view text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool read_all(int fd, void* data, std::size_t size) {
  auto* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = retry([&] { return ::read(fd, bytes, size); });
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace pyexec::sys
