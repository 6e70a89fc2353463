// The zygote: a warm interpreter that forks workers and never sees a job.
//
//   server ── CONFIGURE, SPAWN ──▶ zygote ── JailRequest ──▶ jailer (sandbox/makers/jailer.h)
//          ◀─ HELLO, WORKER + fds, EXITED ─┘  └─ fork ──▶ worker           (worker_main.h)
//
// Single-threaded. It exits when the control socket closes, the jailer exits when it does, and
// every jail dies with the jailer.
#pragma once

#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"
#include "worker/protocol/control.h"

namespace pyexec {

// Serves until the server closes the control socket. Returns the process's exit code. `plan` is how
// jails are made here; the caller is a fork of the launcher, made for this. `generation` counts the
// zygotes of a launcher: two successive ones may exist at the same time.
int zygote_main(const Configure& configure, const sandbox::Plan& plan, std::uint32_t generation);

sandbox::Limits job_limits(const Configure& configure);

}  // namespace pyexec
