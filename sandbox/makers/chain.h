// Jails for kernels on which nobody can join a pid or user namespace (gVisor): the worker's own
// forefathers make them.
//
//   zygote ─ fork ─▶ maker: own uid, unshare, maps, root ─ fork ─▶ init = pid 1 ─ fork ─▶ worker =
//   pid 2
//                    exits                                          scratch, seals itself,
//                                                                   reaps, watches the lifeline
#pragma once

#include "sandbox/makers/spawner.h"

namespace pyexec::sandbox {

// Spawner::fork_into for Builder::unshare. Sets the jail's lifeline. `exits` takes a WorkerExit
// when the worker has ended, from the init.
SetupError fork_unshared(const Plan& plan, const Limits& limits, int exits, EmptyJail& jail,
                         pid_t& pid);

}  // namespace pyexec::sandbox
