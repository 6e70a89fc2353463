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
  sandbox::SetupError forked;  // what went wrong on the way into the jail's processes, if anything
  const WorkingSet& working_set;
  Preload warm_up;
  std::uint64_t memory_bytes;  // of its address space limit, on top of the warm interpreter
};

// Jail, warm-up, READY, one JOB, one REPORT, exit. A step that fails is sent as SETUP_FAILED
// instead of READY, and no job is ever read.
[[noreturn]] void worker_main(const Interpreter& interpreter, const WorkerStart& start);

}  // namespace pyexec
