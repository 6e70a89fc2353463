// What request handlers work with. Built and owned by main.
#pragma once

#include <set>

#include "server/admission.h"
#include "server/config.h"
#include "server/pool.h"

namespace pyexec {

struct Service {
  Service(net::any_io_executor executor, const Config& configuration)
      : config(configuration),
        admission(configuration.running_jobs + configuration.queued_jobs),
        pool(executor, configuration) {}

  const Config& config;
  Admission admission;
  Pool pool;
  std::set<Cancellation*> jobs;  // in work, so that a shutdown can end them
};

}  // namespace pyexec
