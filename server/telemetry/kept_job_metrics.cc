#include "server/telemetry/kept_job_metrics.h"

#include "server/telemetry/metric_families.h"

namespace pyexec {

KeptJobMetrics::KeptJobMetrics(prometheus::Registry& registry)
    : running_(&add_gauge(registry, "pyexec_async_jobs_running",
                          "Jobs that run, or wait to run, without their callers waiting")),
      kept_(&add_gauge(registry, "pyexec_async_jobs_kept",
                       "Jobs that have ended, and whose answers are kept")),
      bytes_(
          &add_gauge(registry, "pyexec_async_jobs_bytes", "Bytes of the answers that are kept")) {}

void KeptJobMetrics::set(const KeptJobCount& count) const {
  running_->Set(static_cast<double>(count.running));
  kept_->Set(static_cast<double>(count.kept));
  bytes_->Set(static_cast<double>(count.bytes));
}

}  // namespace pyexec
