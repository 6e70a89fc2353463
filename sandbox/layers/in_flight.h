// Descriptors that were sent over a socket and that nobody received.
//
// They are the one way for an open file, with its locks, to outlive the process that opened it: a
// socket that was sent over itself is found by the kernel's garbage collector, a moment later.
#pragma once

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Waits until no descriptor that was sent under the caller's real uid is on its way, by the
// kernel's own count. Called by the worker once that is its job's uid, which nobody else has, and
// it has no right on the host to exceed limits; before it gets a job.
SetupError settle_in_flight();

}  // namespace pyexec::sandbox
