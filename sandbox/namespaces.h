// Which namespaces a jail has, who its users are outside, and how a worker gets in.
#pragma once

#include <sched.h>

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/plan.h"

namespace pyexec::sandbox {

inline constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// Writes the maps of the user namespace that the process of `pidfd` is in. `proc` is a descriptor
// of the /proc that the caller was born with, which may belong to an outer pid namespace.
SetupError write_id_maps(const Plan& plan, int proc, int pidfd, std::uint32_t worker_id);

// Runs in the worker. The pid namespace is not joined here: only a child can enter one, so the
// zygote joins it for the fork (worker/zygote.cc).
SetupError join_jail(int init_pidfd);

}  // namespace pyexec::sandbox
