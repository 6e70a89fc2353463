// One job on one worker: send, drain, wait, kill, judge.
#pragma once

#include "server/outcome.h"
#include "server/pool.h"
#include "worker/protocol/job.h"

namespace pyexec {

struct RunCaps {
  std::uint64_t stdout_bytes;
  std::uint64_t result_bytes;
  std::uint64_t result_depth;
};

// Returns never later than `deadline` plus the time the kernel takes to kill. By then no process of
// the job is left, whatever the script did; but for the worker of a job that reported and never
// made another process or thread: it is stopped, is killed within a millisecond, and then takes the
// kernel another to take apart. `lease` is held until that is done. After a cancellation the
// outcome is `internal`.
awaitable<Outcome> run_job(Pool::Lease lease, const Job& job, const RunCaps& caps,
                           Deadline deadline, Cancellation& cancellation, Metrics& metrics);

}  // namespace pyexec
