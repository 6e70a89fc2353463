// Jails for kernels on which a process cannot join a pid or user namespace (gVisor): the worker's
// ancestors make them.
//
//   zygote ─ fork ─▶ maker: own uid, unshare, maps, root ─ fork ─▶ init = pid 1 ─ fork ─▶ worker =
//   pid 2
//                    exits                                          scratch, seals itself,
//                                                                   reaps, watches the lifeline
#pragma once

#include "sandbox/makers/spawner.h"

namespace pyexec::sandbox {

// Spawner::fork_into for Builder::unshare. Sets the jail's lifeline. The init writes a WorkerExit
// to `exits` when the worker has ended.
SetupError fork_unshared(const Plan& plan, const Limits& limits, int exits, EmptyJail& jail,
                         pid_t& pid);

}  // namespace pyexec::sandbox
