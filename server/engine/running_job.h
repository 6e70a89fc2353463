// A job that runs beside the request that began it: its answer is streamed, or more requests
// follow. On the server's thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "server/base/cancellation.h"
#include "server/base/event.h"
#include "server/job/job_output.h"
#include "server/job/job_request.h"
#include "server/job/outcome.h"

namespace pyexec {

struct RunningJob {
  RunningJob(net::any_io_executor executor, JobRequest its_request,
             std::shared_ptr<JobOutput> its_output)
      : request(std::move(its_request)), output(std::move(its_output)), news(executor) {}

  const JobRequest request;
  const std::shared_ptr<JobOutput> output;
  Cancellation cancellation;
  Signal news;  // output, calls, or the outcome: for whoever talks with the caller
  std::optional<Outcome> outcome;
  std::shared_ptr<void> places;  // among the jobs that run, while it does
  // Who hears of its calls: requests that come one after another, or one that stays open.
  enum class Caller : bool { asks_again, reads_events } caller = Caller::asks_again;

  PendingCalls& calls() const { return *output->calls; }
  bool has_calls() const { return output->calls && output->calls->has_news(); }
};

}  // namespace pyexec
