// Which namespaces a jail has, who its users are outside, and how a worker gets in.
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

// Writes the maps of the user namespace that the process of `pidfd` is in. `proc` is a descriptor
// of the /proc that the caller was born with, which may belong to an outer pid namespace.
SetupError write_id_maps(const Plan& plan, int proc, int pidfd, std::uint32_t worker_id);

// The namespaces of the calling process, but for that of pids: what they are, to be compared with
// what they were. Opened where the /proc of the host is in reach, it can be asked where it is not.
class NamespaceView {
 public:
  NamespaceView();
  // Whether each is another one now than it was when this was made. gVisor's /proc does not show
  // them all.
  enum class Hidden { refused, passed_over };
  SetupError verify_all_changed(Hidden hidden) const;

 private:
  UniqueFd directory_;
  std::array<ino_t, 5> before_;
};

// Runs in the worker. The pid namespace is not joined here: only a child can enter one, so the
// zygote joins it for the fork (worker/zygote/zygote.cc).
SetupError join_jail(int init_pidfd);

}  // namespace pyexec::sandbox
