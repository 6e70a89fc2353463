// The steps that are common to every request for one job, once it is parsed: admit, run, answer or
// stream the answer.
#pragma once

#include <functional>

#include "server/api/single_job.h"

namespace pyexec {

// Runs the job. The references outlive the call.
using RunJob = std::function<awaitable<Outcome>(
    const JobRequest& request, std::shared_ptr<JobOutput> output, Cancellation& cancellation)>;

// Returns nullopt if the answer was streamed (live.h).
awaitable<std::optional<Response>> run_and_answer(Api& api, Exchange& exchange, JobRequest request,
                                                  RunJob run);

}  // namespace pyexec
