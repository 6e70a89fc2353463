// The launcher: the small process that keeps the rights the service was started with.
//
//   server ── CONFIGURE ──▶ launcher      finds out how jails are made here (sandbox/host/probe.h)
//          ◀── PROBED ─────
//          ── START_ZYGOTE + fd ─▶ ─ fork ─▶ zygote      (zygote.h), which answers on that
//          descriptor
//
// It reads nothing but these two messages from the server, which has given up its own rights. It
// sees no script and no worker. When the server ends, the launcher ends everything it has started,
// and leaves nothing behind.
#pragma once

namespace pyexec {

// Serves until the server closes the control socket. Returns the process's exit code.
int launcher_main();

}  // namespace pyexec
