// The front end's own jail: all that server/ sees of sandbox/.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// For the process that talks to clients, once the port is bound and the launcher runs: another uid
// where the caller may change it, no capability, no gain of rights by executing a file, not
// dumpable, a system call filter (server_policy.cc). Single-threaded caller. Not reversible.
SetupError confine_front_end(uid_t uid);

}  // namespace pyexec::sandbox
