// Runs in the launcher and in short-lived children of it.
#include "sandbox/host/cgroup_trial.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/layers/group_files.h"
#include "sandbox/layers/slot.h"
#include "sandbox/plan/limits.h"

namespace pyexec::sandbox {
namespace {

constexpr std::uint64_t kTrialBytes = 8 << 20, kTrialProcesses = 4;
constexpr unsigned kTrialSeconds = 10;  // after which a trial ends by itself in any case
constexpr std::uint32_t kTrials = ~0u;  // a generation that no zygote has
constexpr Limits kTrialLimits = {.processes = kTrialProcesses};

// The outcome of a trial. Each runs in a group of its own, in a process that nothing else depends
// on.
enum Overstep : int { held = 0, not_held, no_group };

int overstep_memory() {
  constexpr std::size_t kTwice = 2 * (kTrialBytes + kOwnBytes);
  void* memory =
      ::mmap(nullptr, kTwice, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return no_group;
  ::memset(memory, 1, kTwice);
  return not_held;  // otherwise the kernel has killed it by now
}

int overstep_processes() {
  for (std::uint64_t i = 0; i < 2 * kTrialProcesses; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(kTrialSeconds);
      ::pause();
      ::_exit(0);
    }
    if (pid == -1) return errno == EAGAIN ? held : no_group;
  }
  return not_held;
}

template <typename Act>
int status_in_slot(const Plan& plan, std::uint32_t index, Act act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    Limits limits = kTrialLimits;
    limits.address_space_bytes = kTrialBytes;
    Slot group;
    ::_exit(group.enter(plan, limits, {kTrials, index}).failed() ? no_group : act());
  }
  int status = -1;
  if (pid == -1) return status;
  sys::retry([&] { return ::waitpid(pid, &status, 0); });
  ::kill(-pid, SIGKILL);  // the waiting children that it left
  while (sys::retry([&] { return ::waitpid(-pid, nullptr, 0); }) > 0) {
  }
  return status;
}

}  // namespace

SetupError verify_bounds(const Plan& plan) {
  const int by_memory = status_in_slot(plan, 0, overstep_memory);
  if (!WIFSIGNALED(by_memory) || WTERMSIG(by_memory) != SIGKILL)
    return fail(Step::cgroup, EOPNOTSUPP, kMemory);
  const int by_processes = status_in_slot(plan, 1, overstep_processes);
  if (!WIFEXITED(by_processes) || WEXITSTATUS(by_processes) != held)
    return fail(Step::cgroup, EOPNOTSUPP, kProcesses);
  return ok();
}

}  // namespace pyexec::sandbox
