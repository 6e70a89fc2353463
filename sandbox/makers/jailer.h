// The jailer: a small process, forked from the zygote before the interpreter is loaded, that builds
// jails.
//
//   zygote ── JailRequest ──▶ jailer ── clone3(six namespaces) ──▶ init (pid 1 of the jail)
//          ◀─ JailReply + [pidfd of init, lifeline, both ends of the job socket, control] ──
//
// If the plan has no namespaces, the same dialogue makes a supervisor (supervisor.h) instead of an
// init, and a jail is the processes which that supervisor watches.
//
// A jail lives as long as its init: until the other end of its lifeline is shut down (init.h), or
// until the jailer dies. Every process of the jail ends with the init. The jailer keeps host root
// because only it can write id maps; it reads nothing but requests from the zygote, and never sees
// a script. It exits when the zygote does.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/times.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

struct JailRequest {
  std::uint32_t worker_id;
};

struct JailReply {
  std::uint32_t worker_id;
  JailTimes times;
  SetupError
      error;  // with none, descriptors come along: the pidfd of the init or supervisor and the
              // lifeline; with an init also the server's and the worker's end of the job socket,
              // and the forker's end of its control if the plan keeps jails (kept_jail.h)
};

// Forks the jailer and waits until its root image is built. On success `socket` is the zygote's end
// of a SOCK_SEQPACKET pair: write JailRequest, read JailReply. The caller must still be
// single-threaded.
SetupError start_jailer(const Plan& plan, const Limits& limits, UniqueFd& socket);

}  // namespace pyexec::sandbox
