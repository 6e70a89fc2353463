// What request handlers work with. Built and owned by main.
#pragma once

#include <algorithm>
#include <set>

#include "server/admission.h"
#include "server/config.h"
#include "server/isolation.h"
#include "server/job_request.h"
#include "server/metrics.h"
#include "server/pool.h"

namespace pyexec {

struct Service {
  Service(net::any_io_executor executor, const Config& configuration, Launcher& launcher)
      : config(configuration),
        job_caps({.script_bytes = config.script_bytes,
                  .input_bytes = config.input_bytes,
                  .args_depth = config.result_depth,
                  .timeout_ms = config.timeout_ms,
                  .memory_mb = config.memory_mb,
                  .output_bytes = config.stdout_bytes,
                  .env_names = config.env_names}),
        admission(configuration.running_jobs + configuration.queued_jobs),
        body_bytes(std::max(configuration.body_mb << 20, largest_body_bytes(job_caps))),
        pool(executor, configuration, launcher, metrics) {}

  const Config& config;
  const JobCaps job_caps;
  Metrics metrics;
  Admission admission;   // of jobs
  Admission body_bytes;  // of requests, as they come in
  Pool pool;
  Isolation isolation;           // known before the first request
  std::set<Cancellation*> jobs;  // in work, so that a shutdown can end them
};

}  // namespace pyexec
