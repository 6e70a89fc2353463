// Installs a compiled filter, as the last of all steps.
#pragma once

#include <linux/filter.h>

#include <span>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// A call that the policy refuses with EPERM, and that is harmless if it is not refused.
enum class Refused { socket, ptrace };

// Installs `program` on the calling thread, which must be the only one. Verifies it by the mode
// the kernel reports and by trying `refused`. Runs in the worker and in the server.
SetupError install_filter(std::span<const sock_filter> program, Refused refused);

}  // namespace pyexec::sandbox
