// Giving up rights for good. Each call does its step and then reads it back.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Real, effective, saved uid and gid; no other groups.
SetupError become(uid_t uid, Step step);
// For a process that has no right to be anybody else: checks that all six are one already. Its
// other groups stay, where the kernel does not let them go (user_namespaces(7), setgroups).
SetupError stay(uid_t uid, Step step);
SetupError keep_capabilities(std::uint64_t kept,
                             Step step);  // a bit mask; nothing inheritable or ambient
SetupError drop_bounding_set(Step step);  // before CAP_SETPCAP is gone
SetupError forbid_tracing();
SetupError forbid_new_privileges(Step step);
// SIGKILL when the parent ends. Changing ids undoes it.
SetupError die_with_parent(Step step);

}  // namespace pyexec::sandbox
