#include "server/telemetry/key_metrics.h"

#include "server/telemetry/metric_families.h"

namespace pyexec {

KeyMetrics::KeyMetrics(prometheus::Registry& registry)
    : jobs_(&counters(registry, "pyexec_key_jobs_total",
                      "Requests and lines of batches by API key and outcome; the first 100 names, "
                      "and \"other\"")) {
  jobs_->Add({{"key", "other"}, {"outcome", "ok"}});
}

void KeyMetrics::answered(std::string_view key, OutcomeKind outcome) {
  if (key.empty()) return;
  auto known = counters_.find(key);
  if (known == counters_.end()) {
    const std::string name(counters_.size() < kMostKeys ? key : "other");
    known = counters_.try_emplace(name).first;
  }
  prometheus::Counter*& counter = known->second[outcome];
  if (counter == nullptr)
    counter = &jobs_->Add({{"key", known->first}, {"outcome", std::string(outcome_name(outcome))}});
  counter->Increment();
}

}  // namespace pyexec
