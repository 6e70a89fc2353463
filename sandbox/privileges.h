// Giving up rights for good. Each call does its step and then reads it back.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Inside every jail: uid and gid 0 belong to the init, 1000 to the job. Outside they are
// unprivileged numbers that nothing else on the host uses (namespaces.h).
inline constexpr uid_t kInitUid = 0;
inline constexpr uid_t kJobUid = 1000;

SetupError become(uid_t uid, Step step);  // real, effective, saved uid and gid; no other groups
SetupError keep_capabilities(std::uint64_t kept,
                             Step step);  // a bit mask; nothing inheritable or ambient
SetupError drop_bounding_set(Step step);  // before CAP_SETPCAP is gone
SetupError forbid_tracing();
SetupError forbid_new_privileges(Step step);

}  // namespace pyexec::sandbox
