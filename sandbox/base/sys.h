// Wrappers for all system calls that libc does not wrap, and for constants that its headers may
// lack. Every function returns -1 and sets errno on failure, as in the kernel's manual pages.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

struct sock_fprog;

namespace pyexec::sys {

// Repeats the call while it fails with EINTR.
template <typename Call>
auto retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

// fork with namespace flags. Returns 0 in the child. The child must keep to system calls: glibc's
// cached thread id is the parent's.
pid_t clone_namespaces(std::uint64_t flags, int* pidfd);

// fork in which the child gets this number in its own pid namespace. Needs CAP_CHECKPOINT_RESTORE
// or CAP_SYS_ADMIN over that namespace, and a kernel that knows where a thread's id is kept. Runs
// no handlers of pthread_atfork. EEXIST: the number is taken.
pid_t fork_numbered(pid_t number);

// As waitpid(2) of a child that shares the caller's memory and runs `act` on another stack, while
// the caller waits. Returns its wait status, or -1.
int wait_for_light_child(int (*act)(void*), void* stack_top, void* argument);

// Runs `act` in such a child: many times cheaper than a fork. What the child changes of itself
// (ids, limits) is its own; it ends by returning its exit code. The caller must be single-threaded
// and, if the child takes another uid, not dumpable.
template <std::size_t kStackBytes, typename Act>
int run_in_light_child(Act act) {
  alignas(64) char stack[kStackBytes];
  const auto call = [](void* it) -> int { return (*static_cast<Act*>(it))(); };
  return wait_for_light_child(call, stack + kStackBytes, &act);
}

// Makes the caller the leader of a new process group. `word`: for the system call filter
// (kNewGroupWord).
int begin_process_group(std::uint32_t word);

int close_range(unsigned first, unsigned last);
int pidfd_open(pid_t pid);
int pidfd_send_signal(int pidfd, int signal);
int pivot_root(const char* new_root, const char* put_old);
int install_seccomp(const sock_fprog* program);
int seccomp_mode();  // 0 none, 2 filter
int join_namespaces(int pidfd, int flags);

// Returns the Landlock ABI of this kernel; -1 if it has none.
int landlock_abi();
// As in <linux/landlock.h>, which on Debian 12 has fewer fields.
struct LandlockRules {
  std::uint64_t handled_files, handled_network, scoped;
};
int landlock_create(const LandlockRules& rules, int abi);
int landlock_allow_beneath(int ruleset, int directory, std::uint64_t allowed);
int landlock_restrict_self(int ruleset);

struct Capabilities {
  std::uint64_t effective, permitted, inheritable;
};
int get_capabilities(Capabilities* out);
int set_capabilities(std::uint64_t kept);  // effective and permitted; none are inheritable
// Returns the highest capability this kernel knows; -1 with errno on failure.
int last_capability();

// Sets how long this process, and each one it starts, runs before others of the same weight get
// their turn. Kernels before 6.12 accept it but use one slice for all.
int set_time_slice(std::uint64_t ns);

// Transfers all bytes or fails; never raises SIGPIPE.
bool send_all(int socket, const void* data, std::size_t size);
bool read_all(int fd, void* data, std::size_t size);
// Writes to an existing file in one write, as files of kernel settings require.
bool write_setting(const char* path, std::string_view text);

}  // namespace pyexec::sys
