// The front end's own jail: all that server/ sees of sandbox/.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Confines the process that talks to clients, once the port is bound and the launcher runs: another
// uid if the caller may change it, no capabilities, no_new_privs, not dumpable, a system call
// filter (server_policy.cc). The caller must be single-threaded. Not reversible.
SetupError confine_front_end(uid_t uid);

}  // namespace pyexec::sandbox
