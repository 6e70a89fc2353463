// Installing a compiled filter, last of all steps.
#pragma once

#include <linux/filter.h>

#include <span>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Installs `program` on the calling thread, which must be the only one, and reads it back: by the
// mode the kernel reports, and by a call that the policy refuses. Runs in the worker.
SetupError install_filter(std::span<const sock_filter> program);

}  // namespace pyexec::sandbox
