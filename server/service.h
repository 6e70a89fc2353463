// What request handlers work with. Built and owned by main.
#pragma once

#include <set>

#include "server/admission.h"
#include "server/config.h"
#include "server/isolation.h"
#include "server/metrics.h"
#include "server/pool.h"

namespace pyexec {

struct Service {
  Service(net::any_io_executor executor, const Config& configuration, Launcher& launcher)
      : config(configuration),
        admission(configuration.running_jobs + configuration.queued_jobs),
        pool(executor, configuration, launcher, metrics) {}

  const Config& config;
  Metrics metrics;
  Admission admission;
  Pool pool;
  Isolation isolation;           // known before the first request
  std::set<Cancellation*> jobs;  // in work, so that a shutdown can end them
};

}  // namespace pyexec
