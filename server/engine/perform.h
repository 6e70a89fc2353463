// One job, from the moment that it is admitted until its outcome.
#pragma once

#include <memory>

#include "server/app/service.h"
#include "server/job/job_output.h"

namespace pyexec {

// Why jobs of this service cannot do this; nothing if they can.
std::optional<std::string> problem_with_job(const Service& service, const JobRequest& request);

std::shared_ptr<JobOutput> output_for(const JobRequest& request);

// Waits for a worker, in the turn of its `rank`, and runs the job there. A worker that is lost
// before it has read the job is replaced by another. The deadline counts from here: time in the
// queue is the job's own. Fills `output`. `busy`: no worker became free in time.
awaitable<Outcome> perform(Service& service, const JobRequest& request, Rank rank,
                           std::shared_ptr<JobOutput> output, Cancellation& cancellation);

}  // namespace pyexec
