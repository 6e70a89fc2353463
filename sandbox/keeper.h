// Runs as a job's keeper, where there are no namespaces: a small process outside the job, in the
// place of a jail's init. It makes the job's scratch directory, and when its leash is let go it
// ends the job, sweeps its uid, and removes the directory.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/limits.h"
#include "sandbox/plan.h"

namespace pyexec::sandbox {

// Reports a SetupError on `leash`, then waits there for the worker's pidfd (`hand_to_keeper`), then
// for the end of file. The words are those of base/leash.h. A job whose scratch directory outgrows
// `limits` is killed within kScratchCheckMs.
[[noreturn]] void run_keeper(int leash, const Plan& plan, const Limits& limits,
                             std::uint32_t worker_id);
inline constexpr int kScratchCheckMs = 100;

// Runs in the zygote, on its end of the leash, right after the fork.
SetupError hand_to_keeper(int leash, pid_t worker);

// The scratch directory of a worker; "" where there is none.
struct ScratchPath {
  char text[96];
};
ScratchPath scratch_of(const Plan& plan, std::uint32_t worker_id);

}  // namespace pyexec::sandbox
