// Runs as a job's supervisor if there are no namespaces: a small process outside the job, in place
// of a jail's init. It makes the job's scratch directory. When its lifeline closes, it ends the
// job and kills all processes of its uid. If the directory is as it was, the next job may have both
// (kept_jail.h); else it removes the directory and exits.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// control: kept_jail.h; -1: for one job. Reports a SetupError on `lifeline`, then waits there for
// the worker's pidfd
// (`hand_to_supervisor`), then for end of file. Sends the bytes of base/lifeline.h. Kills a job
// within kScratchCheckMs if its scratch directory exceeds `limits`.
[[noreturn]] void run_supervisor(int lifeline, int control, const Plan& plan, const Limits& limits,
                                 std::uint32_t worker_id);
inline constexpr int kScratchCheckMs = 100;

// Runs in the zygote, on its end of the lifeline, right after the fork.
SetupError hand_to_supervisor(int lifeline, pid_t worker);

// The scratch directory of a worker; "" if there is none.
struct ScratchPath {
  char text[96];
};
ScratchPath scratch_of(const Plan& plan, std::uint32_t worker_id);

}  // namespace pyexec::sandbox
