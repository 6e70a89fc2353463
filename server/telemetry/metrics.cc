#include "server/telemetry/metrics.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

#include "server/base/process.h"

namespace pyexec {
namespace {

// Seconds. A phase takes between a microsecond and the longest job; a request, no less than a
// tenth of a millisecond.
const prometheus::Histogram::BucketBoundaries kPhaseBuckets = {
    5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2,
    2e-2, 5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10,   30};
const prometheus::Histogram::BucketBoundaries kRequestBuckets = {
    5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7.5e-3, 1e-2, 1.5e-2, 2e-2, 3e-2,
    5e-2, 0.1,  0.2,    0.5,  1,    2,    5,      10,   30,     60,   300};
constexpr double kNanosecond = 1e-9;

// In the order of PoolState.
constexpr const char* kWorkerStates[] = {"target", "ready", "starting", "running"};
// In the order of Direction, and of Replaced.
constexpr const char* kDirections[] = {"received", "sent"};
constexpr const char* kReplacedReasons[] = {"lost", "jobs", "age"};
// In the order of MessageSource, and of Taken.
constexpr const char* kSources[] = {"pubsub", "cloud_tasks"};
constexpr const char* kTaken[] = {"run", "duplicate", "in_work", "put_back"};
constexpr Explained kRefusals[] = {
#define X(name, help) {#name, help},
    PYEXEC_REFUSALS(X)
#undef X
};

// "What it is: name, what that is; name, ..."
template <typename Rows>
std::string with_rows(std::string help, const Rows& rows) {
  const char* separator = ": ";
  for (const auto& row : rows)
    help += std::exchange(separator, "; ") + std::string(row.name) + ", " + row.help;
  return help;
}

template <typename Rows, typename Histograms>
void add_phases(prometheus::Registry& registry, const char* name, const std::string& help,
                const Rows& rows, Histograms& out) {
  auto& family =
      prometheus::BuildHistogram().Name(name).Help(with_rows(help, rows)).Register(registry);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = &family.Add({{"phase", rows[i].name}}, kPhaseBuckets);
}

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Gauge& add_gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

void raise_to(prometheus::Counter& counter, double value) {
  if (value > counter.Value()) counter.Increment(value - counter.Value());
}

}  // namespace

Metrics::Metrics() {
  add_phases(registry_, "pyexec_request_phase_seconds", "Time of /execute in each phase",
             kRequestPhases, phases_);
  add_phases(registry_, "pyexec_refill_phase_seconds", "Time of making a worker in each phase",
             kRefillPhases, refill_);
  request_ = &prometheus::BuildHistogram()
                  .Name("pyexec_request_duration_seconds")
                  .Help("Time of requests to /execute, from the head to the end of the answer")
                  .Register(registry_)
                  .Add({}, kRequestBuckets);
  auto& takes = counters(registry_, "pyexec_worker_acquisitions_total",
                         "Jobs that got a worker: at once (hit), or after they had waited (miss)");
  hits_ = &takes.Add({{"result", "hit"}});
  misses_ = &takes.Add({{"result", "miss"}});
  auto& answers = counters(registry_, "pyexec_jobs_total",
                           "Requests to /execute and lines of batches by outcome; cancelled: "
                           "their client went away before they had ended");
  for (std::size_t i = 0; i < answers_.size(); ++i)
    answers_[i] =
        &answers.Add({{"outcome", std::string(outcome_name(static_cast<OutcomeKind>(i)))}});
  cancelled_ = &answers.Add({{"outcome", "cancelled"}});
  auto& refusals = counters(registry_, "pyexec_refusals_total",
                            with_rows("Requests and jobs that were not run", kRefusals));
  for (std::size_t i = 0; i < refusals_.size(); ++i)
    refusals_[i] = &refusals.Add({{"reason", kRefusals[i].name}});
  auto& bytes =
      counters(registry_, "pyexec_http_bytes_total", "Bytes of HTTP, heads and framing included");
  for (std::size_t i = 0; i < bytes_.size(); ++i)
    bytes_[i] = &bytes.Add({{"direction", kDirections[i]}});
  auto& replaced = counters(registry_, "pyexec_zygote_replacements_total",
                            "Zygotes replaced: because one ended by itself (lost), or had made as "
                            "many workers (jobs) or was as old (age) as configured");
  for (std::size_t i = 0; i < replaced_.size(); ++i)
    replaced_[i] = &replaced.Add({{"reason", kReplacedReasons[i]}});
  auto& messages = counters(registry_, "pyexec_queue_messages_total",
                            "Messages of queues: run, and not to be delivered again; a duplicate "
                            "of one that was; in work already; put back, to be delivered again");
  for (std::size_t i = 0; i < messages_.size(); ++i)
    for (std::size_t k = 0; k < messages_[i].size(); ++k)
      messages_[i][k] = &messages.Add({{"source", kSources[i]}, {"result", kTaken[k]}});
  zygote_starts_ = &counters(registry_, "pyexec_zygote_starts_total", "Zygotes started").Add({});
  worker_failures_ =
      &counters(registry_, "pyexec_worker_failures_total", "Workers that could not be made")
           .Add({});
  dropped_log_lines_ =
      &counters(registry_, "pyexec_log_lines_dropped_total",
                "Lines of the log that were not written, or whose reader was too slow")
           .Add({});
  cpu_seconds_ =
      &counters(registry_, "process_cpu_seconds_total", "CPU time of the server, without jobs")
           .Add({});

  auto& workers = prometheus::BuildGauge()
                      .Name("pyexec_workers")
                      .Help(
                          "Workers by state: parked and ready, on their way, or out with a job; "
                          "and how many are to be ready (target)")
                      .Register(registry_);
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i] = &workers.Add({{"state", kWorkerStates[i]}});
  waiting_ = &add_gauge(registry_, "pyexec_jobs_waiting", "Accepted jobs that have no worker yet");
  load_ = &add_gauge(registry_, "pyexec_load_ratio",
                     "Jobs that run and wait, as a share of those that may run: above 1 they wait");
  body_bytes_ = &add_gauge(registry_, "pyexec_request_body_bytes",
                           "Bytes of requests' bodies that are there, those still coming in too");
  answer_bytes_ = &add_gauge(registry_, "pyexec_answer_bytes",
                             "Bytes of answers that wait for their clients to take them");
  connections_ = &add_gauge(registry_, "pyexec_connections", "Open connections of clients");
  is_ready_ = &add_gauge(registry_, "pyexec_ready", "1 where /health says so, else 0");
  isolation_level_ =
      &add_gauge(registry_, "pyexec_isolation_level", "Level that was verified at start, 1 to 4");
  resident_bytes_ = &add_gauge(registry_, "process_resident_memory_bytes",
                               "Resident memory of the server, without jobs");
  info_ = &prometheus::BuildGauge()
               .Name("pyexec_info")
               .Help("Always 1; the labels say what runs")
               .Register(registry_);
}

void Metrics::observe(RequestPhase phase, std::uint64_t ns) {
  phases_[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::observe(RefillPhase phase, std::uint64_t ns) {
  refill_[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::observe(const sandbox::JailTimes& times) {
  if (times.namespaces_ns == 0) return;
  observe(RefillPhase::namespaces, times.namespaces_ns);
  observe(RefillPhase::mounts, times.mounts_ns);
}

void Metrics::observe(const StartTimes& times) {
  observe(RefillPhase::populate, times.populate_ns);
  observe(RefillPhase::enter, times.enter_ns);
  observe(RefillPhase::warm_up, times.warm_up_ns);
}

void Metrics::count_take(bool hit) {
  (hit ? hits_ : misses_)->Increment();
}

void Metrics::count_answer(OutcomeKind outcome, Client client) {
  const bool is_cancelled = outcome == OutcomeKind::internal && client == Client::gone;
  (is_cancelled ? cancelled_ : answers_[static_cast<std::size_t>(outcome)])->Increment();
}

void Metrics::count_refusal(Refusal reason) {
  refusals_[static_cast<std::size_t>(reason)]->Increment();
}

void Metrics::count_bytes(Direction direction, std::uint64_t bytes) {
  bytes_[static_cast<std::size_t>(direction)]->Increment(static_cast<double>(bytes));
}

void Metrics::count_message(MessageSource source, Taken how) {
  messages_[static_cast<std::size_t>(source)][static_cast<std::size_t>(how)]->Increment();
}

void Metrics::observe_request(std::uint64_t ns) {
  request_->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::count_zygote_replaced(Replaced why) {
  replaced_[static_cast<std::size_t>(why)]->Increment();
}

std::string Metrics::text(const Present& present) {
  const PoolState& pool = present.pool;
  const std::uint64_t states[] = {pool.target, pool.ready, pool.starting, pool.running};
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->Set(static_cast<double>(states[i]));
  const auto set = [](prometheus::Gauge* gauge, std::uint64_t value) {
    gauge->Set(static_cast<double>(value));
  };
  set(waiting_, pool.waiting);
  load_->Set(static_cast<double>(pool.running + pool.waiting) /
             static_cast<double>(present.running_limit));
  set(body_bytes_, present.body_bytes);
  set(answer_bytes_, present.answer_bytes);
  set(connections_, present.connections);
  set(is_ready_, present.is_ready ? 1 : 0);
  set(isolation_level_, present.isolation_level);
  set(resident_bytes_, resident_bytes());
  raise_to(*zygote_starts_, static_cast<double>(pool.zygote_starts));
  raise_to(*worker_failures_, static_cast<double>(pool.worker_failures));
  raise_to(*dropped_log_lines_, static_cast<double>(present.dropped_log_lines));
  raise_to(*cpu_seconds_, cpu_seconds());
  if (!present.info.empty()) info_->Add(present.info).Set(1);
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace pyexec
