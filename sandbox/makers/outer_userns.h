// A user and pid namespace for the zygote itself: a service without the right to make namespaces on
// the host has every right inside one of its own.
#pragma once

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Returns in a process that lives in the namespaces of `plan.outer_userns`. With OuterUserns::none
// that is the caller itself (at level 1 under an unprivileged uid, if it was root and can change
// it). Otherwise it is a grandchild: pid 1 of its pid namespace and uid 0 of its user namespace,
// with every capability there. The caller then only waits, and exits as that process does; each
// dies with the other. The caller must be single-threaded and expendable: a failure leaves it in an
// intermediate state.
SetupError enter_nest(const Plan& plan);

}  // namespace pyexec::sandbox
