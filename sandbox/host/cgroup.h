// Bounds on a job as a whole, whatever processes it makes: a control group for each slot. A slot
// serves one job after another, so that no process is ever moved: a process stays in the slot in
// which it was forked.
#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Makes this service's own groups beside the launcher's, version 2 or 1. Verifies that the kernel
// enforces both bounds by exceeding them in trial groups. Sets plan.cgroup and its directories.
// `locks` mark the groups as in use as long as the caller keeps them: other services remove
// unlocked groups. The index of the error: 1 memory, 2 processes.
SetupError make_cgroups(Plan& plan, std::vector<UniqueFd>& locks);
void remove_cgroups(const Plan& plan);
// Sets plan.cgroup to none too.
void forget_cgroups(Plan& plan);

// Sets plan.sessions. Call once it is known whether control groups distribute processor time.
void settle_sessions(Plan& plan);

// Removes the groups of a zygote that has ended. Returns false while the kernel is still tearing
// down processes of its jobs or of its slots.
bool remove_slots(const Plan& plan, std::uint32_t generation);

}  // namespace pyexec::sandbox
