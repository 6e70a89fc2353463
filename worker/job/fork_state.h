// Forks a process that has run a cell, so that another cell can run on its state while it stays as
// it is. Runs in a session's jail.
#pragma once

#include <array>

#include "sandbox/base/unique_fd.h"
#include "worker/job/interpreter.h"
#include "worker/protocol/frame.h"

namespace pyexec {

// The new process's job socket, stdout and stderr.
using ForkFds = std::array<UniqueFd, kForkFds>;

// Around the time in which a process waits for what comes next: children that end then are reaped
// by the kernel, as nobody of it will wait for them.
void park();
void unpark();

// Returns in both processes. The new one is a child of the jail's init, leads a process group of
// its own, has `fds` for its own descriptors, and has announced itself on the first. If there is
// none, the reason is sent there.
void fork_state(const Interpreter& interpreter, ForkFds fds);

}  // namespace pyexec
