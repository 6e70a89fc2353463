// One job on one worker: send, drain, wait, kill, judge.
#pragma once

#include "server/outcome.h"
#include "server/worker_handle.h"
#include "worker/protocol/job.h"

namespace pyexec {

struct RunCaps {
  std::uint64_t stdout_bytes;
  std::uint64_t result_bytes;
  std::uint64_t result_depth;
};

// Returns once no process of the job is left, whatever the script did, and never later than `deadline`
// plus the time the kernel takes to kill. After a cancellation the outcome is `internal`.
awaitable<Outcome> run_job(WorkerHandle& worker, const Job& job, const RunCaps& caps, Deadline deadline,
                           Cancellation& cancellation);

}  // namespace pyexec
