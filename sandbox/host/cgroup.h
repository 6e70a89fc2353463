// Bounds on a job as a whole, whatever processes it makes: a control group for each slot. A slot
// serves one job after another, so that no process is ever moved: who is forked in it stays in it.
#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Makes this service's own groups beside the launcher's, version 2 or 1, and shows by overstepping
// both bounds in a group of their own that the kernel holds them. Sets plan.cgroup and its
// directories. `locks` say that they are in use, as long as the caller keeps them: other services
// remove what nobody has locked. The index of the error: 1 memory, 2 processes.
SetupError make_cgroups(Plan& plan, std::vector<UniqueFd>& locks);
void remove_cgroups(const Plan& plan);
// And plan.cgroup is none.
void forget_cgroups(Plan& plan);

// Sets plan.sessions, once it is known whether there are groups that share the processor out.
void settle_sessions(Plan& plan);

// The groups of a zygote that has ended. False while processes of its jobs, or of its slots, are
// still being taken apart.
bool remove_slots(const Plan& plan, std::uint32_t generation);

}  // namespace pyexec::sandbox
