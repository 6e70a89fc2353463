// Runs one job on one worker: sends it, drains its output, waits, kills, returns its outcome.
#pragma once

#include <memory>

#include "server/base/cancellation.h"
#include "server/base/offload.h"
#include "server/job/job_caps.h"
#include "server/job/job_output.h"
#include "server/job/outcome.h"
#include "server/workers/pool.h"
#include "worker/protocol/job.h"

namespace pyexec {

// complete: waits until the kernel has torn the job down and reported its usage, which takes up to
// two milliseconds more.
enum class Accounting { quick, complete };

struct JobRun {
  const Job& job;
  const JobCaps& caps;  // must outlive the call
  Deadline deadline;
  Accounting accounting;
  Offload& offload;
  std::shared_ptr<JobOutput> output;  // filled, for a moment even after the answer
};

// Returns no later than the deadline plus the time the kernel takes to kill. By then no process of
// the job is left, whatever the script did. The exception, where `accounting` is quick, is the
// worker of a job that reported and never made another process or thread: it is stopped and is
// killed within a millisecond, and the kernel takes another to tear it down. `lease` is held until
// that is done. After a cancellation the outcome is `internal`.
awaitable<Outcome> run_job(Pool::Lease lease, JobRun what, Cancellation& cancellation,
                           Metrics& metrics);

}  // namespace pyexec
