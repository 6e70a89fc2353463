// The one door for system calls that libc does not wrap, and for constants that its headers may
// lack. Every function returns -1 and sets errno on failure, as the kernel's manual pages describe
// them.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

struct sock_fprog;

namespace pyexec::sys {

// Calls again as long as a signal interrupts.
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

int close_range(unsigned first, unsigned last);
int pidfd_open(pid_t pid);
int pidfd_send_signal(int pidfd, int signal);
int pivot_root(const char* new_root, const char* put_old);
int install_seccomp(const sock_fprog* program);
int seccomp_mode();  // 0 none, 2 filter
int join_namespaces(int pidfd, int flags);

// The Landlock ABI of this kernel; -1 where it has none.
int landlock_abi();
// As of <linux/landlock.h>, which on Debian 12 knows fewer fields.
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
// The highest capability this kernel knows; -1 with errno if that cannot be found out.
int last_capability();

// How long this process, and each that it starts, runs before others of the same weight have their
// turn. Kernels before 6.12 take it and have one slice for all.
int set_time_slice(std::uint64_t ns);

// Whole message or error; never SIGPIPE.
bool send_all(int socket, const void* data, std::size_t size);
bool read_all(int fd, void* data, std::size_t size);
// Into a file that is there, in one write, as files of kernel settings have to be written.
bool write_setting(const char* path, std::string_view text);

}  // namespace pyexec::sys
