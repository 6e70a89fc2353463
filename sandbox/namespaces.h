// Which namespaces a jail has, who its users are on the host, and how a worker gets in.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

inline constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// Host ids of the jails. systemd's "Users, Groups, UIDs and GIDs" document leaves 0x70000000 to
// 0x7fffffff unassigned. Jobs that live at the same time have different host uids, so that what the
// kernel counts per user (processes, pipes, keys) is not shared between them.
inline constexpr uid_t kHostInitUid = 0x70000000;
inline constexpr uid_t kHostJobUidBase = kHostInitUid + 1;
inline constexpr std::uint32_t kJobUidCount = 65536;

// Writes the maps of the user namespace that `pid` is in. `proc` is a descriptor of the host's
// /proc.
SetupError write_id_maps(int proc, pid_t pid, std::uint32_t worker_id);

// Runs in the worker. The pid namespace is not joined here: only a child can enter one, so the
// zygote joins it for the fork (worker/zygote.cc).
SetupError join_jail(int init_pidfd);

}  // namespace pyexec::sandbox
