// A worker's whole life after the fork.
#pragma once

#include "sandbox/base/unique_fd.h"
#include "sandbox/jail.h"
#include "worker/job/interpreter.h"
#include "worker/job/working_set.h"

namespace pyexec {

struct WorkerStart {
  sandbox::JailEntry jail;
  ReportCaps caps;
  sandbox::SetupError forked;  // the error of the fork into the jail, if any
  const WorkingSet& working_set;
  Preload warm_up;
  std::uint64_t memory_bytes;  // of its address space limit, on top of the warm interpreter
};

// Enters the jail, warms up, sends READY, reads one JOB, sends one REPORT, exits; in a session,
// reads what comes next until the job socket ends. If a step fails, sends SETUP_FAILED instead of
// READY and reads no job.
[[noreturn]] void worker_main(const Interpreter& interpreter, const WorkerStart& start);

}  // namespace pyexec
