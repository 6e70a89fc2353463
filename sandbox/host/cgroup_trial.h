// Checks whether the kernel enforces the bounds of control groups.
#pragma once

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Exceeds both bounds, each in a group of its own. Runs in the launcher. The index of the error is
// as in make_cgroups.
SetupError verify_bounds(const Plan& plan);

}  // namespace pyexec::sandbox
