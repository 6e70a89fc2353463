// The steps that are common to every request for one job, once it is parsed: admit, run, answer or
// stream the answer.
#pragma once

#include <functional>
#include <memory>

#include "server/api/single_job.h"

namespace pyexec {

// Runs the job. The references outlive the call.
using RunJob = std::function<awaitable<Outcome>(
    const JobRequest& request, std::shared_ptr<JobOutput> output, Cancellation& cancellation)>;

// Held by a job while it runs.
struct JobPlaces {
  Access::Running running;
  Admission::Permit permit;
  std::shared_ptr<void> input = nullptr;  // its room, if no request holds it
};

// Returns nullopt if the answer was streamed (live.h).
awaitable<std::optional<Response>> run_and_answer(Api& api, Exchange& exchange, JobRequest request,
                                                  RunJob run, Access::Running running);

// Begins a job that runs beside its request: its news are set by calls and by its outcome.
void run_beside(Api& api, const std::shared_ptr<RunningJob>& job, const RunJob& run);
// Until it is destroyed, what ends the exchange ends the job.
[[nodiscard]] Cancellation::Listening end_together(Exchange& exchange,
                                                   const std::shared_ptr<RunningJob>& job);

}  // namespace pyexec
