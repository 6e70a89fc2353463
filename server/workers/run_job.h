// One job on one worker: send, drain, wait, kill, say how it ended.
#pragma once

#include <memory>

#include "server/base/cancellation.h"
#include "server/base/offload.h"
#include "server/job/job_output.h"
#include "server/job/limits.h"
#include "server/job/outcome.h"
#include "server/workers/pool.h"
#include "worker/protocol/job.h"

namespace pyexec {

// complete: waits until the kernel has taken the job apart and told what it used: up to two
// milliseconds more.
enum class Accounting { quick, complete };

struct JobRun {
  const Job& job;
  const JobCaps& caps;  // must outlive the call
  Deadline deadline;
  Accounting accounting;
  Offload& offload;
  std::shared_ptr<JobOutput> output;  // filled; may be filled on for a moment after the answer
};

// Returns never later than the deadline plus the time the kernel takes to kill. By then no process
// of the job is left, whatever the script did; but, where `accounting` is quick, for the worker of
// a job that reported and never made another process or thread: it is stopped, is killed within a
// millisecond, and then takes the kernel another to take apart. `lease` is held until that is done.
// After a cancellation the outcome is `internal`.
awaitable<Outcome> run_job(Pool::Lease lease, JobRun what, Cancellation& cancellation,
                           Metrics& metrics);

}  // namespace pyexec
