// Runs in the launcher.
#include "sandbox/host/shortage.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {
namespace {

// A limit of 0 forbids namespaces.
bool are_namespaces_forbidden() {
  for (const char* path :
       {"/proc/sys/user/max_user_namespaces", "/proc/sys/user/max_pid_namespaces",
        "/proc/sys/user/max_mnt_namespaces", "/proc/sys/user/max_net_namespaces",
        "/proc/sys/user/max_ipc_namespaces", "/proc/sys/user/max_uts_namespaces"}) {
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    char text[2] = {};
    if (::read(file.get(), text, sizeof text) > 0 && text[0] == '0') return true;
  }
  return false;
}

}  // namespace

bool is_shortage(std::int32_t error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOMEM:
    case ENOBUFS:
    case EUSERS:
      return true;
    case ENOSPC:
      return !are_namespaces_forbidden();
    default:
      return false;
  }
}

std::int32_t shortage_now() {
  constexpr std::size_t kDescriptors = 80;
  std::array<UniqueFd, kDescriptors> some;
  for (UniqueFd& descriptor : some) {
    descriptor.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (descriptor.get() == -1) return errno;
  }
  const pid_t pid = ::fork();
  if (pid == -1) return errno;
  if (pid == 0) ::_exit(0);
  sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  return 0;
}

bool Patience::wait() {
  constexpr timespec kMoment = {0, 100'000'000};
  if (waits_left_ == 0) return false;
  --waits_left_;
  ::nanosleep(&kMoment, nullptr);
  return true;
}

}  // namespace pyexec::sandbox
