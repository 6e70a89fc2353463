// Jobs that run without their callers waiting: `Prefer: respond-async` and /jobs/{job}.
#pragma once

#include "server/api/run_and_answer.h"

namespace pyexec {

// Whether the client prefers to be answered before the job has ended (RFC 7240).
bool prefers_async(const Exchange::Head& head);
// Begins the job, and returns where its answer will be.
struct BegunJob {
  RunJob run;
  JobPlaces places;
};
Response begin_kept_job(Api& api, Exchange& exchange, JobRequest request, BegunJob begun);

awaitable<std::optional<Response>> show_job(Api& api, Exchange& exchange, std::string_view id);
Response end_job(Api& api, const Exchange& exchange, std::string_view id);

}  // namespace pyexec
