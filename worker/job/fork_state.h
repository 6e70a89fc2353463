// Forks a process that has run a cell, or the set-up of a template, so that another cell or a job
// can run on its state while it stays as it is. Runs in a session's or a template's jail.
#pragma once

#include <array>

#include "sandbox/base/step.h"
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

// What a fork is for. The next cell goes on with the random numbers of its state; a job of a
// template has random numbers of its own.
enum class ForkFor : bool { cell, template_job };

// Returns in both processes. The new one is a child of the jail's init, leads a process group of
// its own, has `fds` for its own descriptors, and has announced itself on the first. If there is
// none, the reason is sent there.
void fork_state(const Interpreter& interpreter, ForkFor what, ForkFds fds);
// Sends `error` instead of forking.
void refuse_fork(const sandbox::SetupError& error, const ForkFds& fds);

}  // namespace pyexec
