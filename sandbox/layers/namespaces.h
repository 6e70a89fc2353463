// The namespaces of a jail, the mapping of its ids, and how a worker joins them.
#pragma once

#include <sched.h>

#include <array>
#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

inline constexpr int kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// Writes the id maps of the user namespace of the process `pidfd`. `proc` is a descriptor of the
// /proc that the caller started with, which may belong to an outer pid namespace.
SetupError write_id_maps(const Plan& plan, int proc, int pidfd, std::uint32_t worker_id);

// Records the namespaces of the calling process, except the pid namespace, to compare them later.
// Constructed while the host's /proc is reachable, it works after that is no longer so.
class NamespaceView {
 public:
  NamespaceView();
  // Checks that each namespace differs from the one at construction. gVisor's /proc does not show
  // them all.
  enum class Hidden { refused, passed_over };
  SetupError verify_all_changed(Hidden hidden) const;

 private:
  UniqueFd directory_;
  std::array<ino_t, 5> before_;
};

// Runs in the worker. Does not join the pid namespace: only a child can enter one, so the zygote
// joins it for the fork (worker/zygote/zygote.cc).
SetupError join_jail(int init_pidfd);

}  // namespace pyexec::sandbox
