// Runs as pid 1 of a jail, as a clone of the jailer: a few pages, no interpreter, no script.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

struct InitFds {
  int lifeline;
  int job;
  int last_pid;  // /proc/sys/kernel/ns_last_pid; closed if the kernel does not have it
  int control;   // of a jail that may be kept (kept_jail.h); else -1
};

// Finishes the jail from inside (scratch file systems, host name), gives up every right but
// CAP_KILL, and reports a SetupError on `lifeline`. Then it holds the namespaces until the other
// end of `lifeline` is shut down or closed, or the other end of `job` is shut down. Then it kills
// every process of the jail, reports that (base/lifeline.h), waits until none is left, reports that
// too, and exits, or waits for another job in a jail that is untouched. If it dies in any other
// way, the kernel kills the rest of the jail. Uses system calls only: it runs after a raw clone.
[[noreturn]] void run_init(const InitFds& fds, const Plan& plan, const Limits& limits);

// The same for the init of an unshare jail (unshared_jail.h), which is a fork of the zygote. The
// first call sets up all that the worker's fork needs. The second drops the rights, and closes
// every descriptor but `lifeline` and `exits`.
SetupError set_up_chained_init(const Plan& plan, const Limits& limits);
SetupError seal_chained_init(int lifeline, int exits);

}  // namespace pyexec::sandbox
