// The zygote: a warm interpreter that forks workers and never sees a job.
//
//   server ── CONFIGURE, SPAWN ──▶ zygote ── JailRequest ──▶ jailer        (sandbox/jailer.h)
//          ◀─ HELLO, WORKER + fds, EXITED ─┘  └─ fork ──▶ worker           (worker_main.h)
//
// Single-threaded. It exits when the control socket closes, the jailer exits when it does, and
// every jail dies with the jailer.
#pragma once

namespace pyexec {

// Serves until the server closes the control socket. Returns the process's exit code.
int zygote_main();

}  // namespace pyexec
