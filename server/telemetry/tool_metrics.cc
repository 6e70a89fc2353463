#include "server/telemetry/tool_metrics.h"

#include "server/telemetry/metric_families.h"

namespace pyexec {

ToolMetrics::ToolMetrics(prometheus::Registry& registry)
    : calls_(&counters(registry, "pyexec_tool_calls_total",
                       "Calls of tools that callers were asked to answer")
                  .Add({})),
      unanswered_(&counters(registry, "pyexec_tool_jobs_unanswered_total",
                            "Jobs that were ended because nobody answered their calls in time")
                       .Add({})),
      jobs_(&add_gauge(registry, "pyexec_tool_jobs", "Jobs with tools, running or parked")),
      waiting_(&add_gauge(registry, "pyexec_tool_jobs_parked",
                          "Jobs with tools that wait for an answer")) {}

void ToolMetrics::called(std::uint64_t calls) const {
  calls_->Increment(static_cast<double>(calls));
}

void ToolMetrics::unanswered() const {
  unanswered_->Increment();
}

void ToolMetrics::set(std::uint64_t jobs, std::uint64_t waiting) const {
  jobs_->Set(static_cast<double>(jobs));
  waiting_->Set(static_cast<double>(waiting));
}

}  // namespace pyexec
