// Drops privileges irreversibly. Each call does its step and then reads it back.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Sets the real, effective and saved uid and gid, and no other groups.
SetupError become(uid_t uid, Step step);
// For a process that has no right to change its uid: checks that all six already equal `uid`. Its
// other groups stay where the kernel does not allow dropping them (user_namespaces(7), setgroups).
SetupError stay(uid_t uid, Step step);
SetupError keep_capabilities(std::uint64_t kept,
                             Step step);  // a bit mask; nothing inheritable or ambient
SetupError drop_bounding_set(Step step);  // before CAP_SETPCAP is gone
SetupError forbid_tracing();
SetupError forbid_new_privileges(Step step);
// Arranges for SIGKILL when the parent ends. Changing ids undoes it.
SetupError die_with_parent(Step step);

}  // namespace pyexec::sandbox
