#include "server/metrics.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

namespace pyexec {
namespace {

// Seconds. A phase takes between a microsecond and the longest job.
const prometheus::Histogram::BucketBoundaries kBuckets = {5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
                                                          1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,
                                                          0.2,  0.5,  1,    2,    5,    10,   30};
constexpr double kNanosecond = 1e-9;

// In the order of PoolState.
constexpr const char* kWorkerStates[] = {"target", "ready", "starting", "running"};

struct Row {
  const char* name;
  const char* help;
};
constexpr Row kRequestPhases[] = {
#define X(name, help) {#name, help},
    PYEXEC_REQUEST_PHASES(X)
#undef X
};
constexpr Row kRefillPhases[] = {
#define X(name, help) {#name, help},
    PYEXEC_REFILL_PHASES(X)
#undef X
};

template <typename Rows, typename Histograms>
void add_phases(prometheus::Registry& registry, const char* name, std::string help,
                const Rows& rows, Histograms& out) {
  const char* separator = ": ";
  for (const Row& row : rows)
    help += std::exchange(separator, "; ") + std::string(row.name) + ", " + row.help;
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = &family.Add({{"phase", rows[i].name}}, kBuckets);
}

prometheus::Counter& add_counter(prometheus::Registry& registry, const char* name,
                                 const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

void raise_to(prometheus::Counter& counter, std::uint64_t value) {
  counter.Increment(static_cast<double>(value) - counter.Value());
}

}  // namespace

Metrics::Metrics() {
  add_phases(registry_, "pyexec_request_phase_seconds", "Time of /execute in each phase",
             kRequestPhases, request_);
  add_phases(registry_, "pyexec_refill_phase_seconds", "Time of making a worker in each phase",
             kRefillPhases, refill_);
  auto& takes = prometheus::BuildCounter()
                    .Name("pyexec_pool_takes_total")
                    .Help("Jobs that got a worker: at once (hit), or after they had waited (miss)")
                    .Register(registry_);
  hits_ = &takes.Add({{"result", "hit"}});
  misses_ = &takes.Add({{"result", "miss"}});
  auto& answers = prometheus::BuildCounter()
                      .Name("pyexec_jobs_total")
                      .Help("Requests to /execute by the outcome of their answer")
                      .Register(registry_);
  for (std::size_t i = 0; i < answers_.size(); ++i)
    answers_[i] =
        &answers.Add({{"outcome", std::string(outcome_name(static_cast<OutcomeKind>(i)))}});
  auto& workers = prometheus::BuildGauge()
                      .Name("pyexec_workers")
                      .Help(
                          "Workers by state: parked and ready, on their way, or out with a job; "
                          "and how many are to be ready (target)")
                      .Register(registry_);
  for (std::size_t i = 0; i < std::size(kWorkerStates); ++i)
    pool_[i] = &workers.Add({{"state", kWorkerStates[i]}});
  pool_.back() = &prometheus::BuildGauge()
                      .Name("pyexec_jobs_waiting")
                      .Help("Accepted jobs that have no worker yet")
                      .Register(registry_)
                      .Add({});
  body_bytes_ = &prometheus::BuildGauge()
                     .Name("pyexec_request_body_bytes")
                     .Help("Bytes of requests' bodies that are there, those still coming in too")
                     .Register(registry_)
                     .Add({});
  zygote_starts_ = &add_counter(registry_, "pyexec_zygote_starts_total", "Zygotes started");
  worker_failures_ =
      &add_counter(registry_, "pyexec_worker_failures_total", "Workers that could not be made");
}

void Metrics::observe(RequestPhase phase, std::uint64_t ns) {
  request_[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::observe(RefillPhase phase, std::uint64_t ns) {
  refill_[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::count_take(bool hit) {
  (hit ? hits_ : misses_)->Increment();
}

void Metrics::count_answer(OutcomeKind outcome) {
  answers_[static_cast<std::size_t>(outcome)]->Increment();
}

std::string Metrics::text(const PoolState& pool, std::uint64_t body_bytes) {
  body_bytes_->Set(static_cast<double>(body_bytes));
  const std::uint64_t values[] = {pool.target, pool.ready, pool.starting, pool.running,
                                  pool.waiting};
  for (std::size_t i = 0; i < pool_.size(); ++i) pool_[i]->Set(static_cast<double>(values[i]));
  raise_to(*zygote_starts_, pool.zygote_starts);
  raise_to(*worker_failures_, pool.worker_failures);
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace pyexec
