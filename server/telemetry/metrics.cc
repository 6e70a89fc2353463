#include "server/telemetry/metrics.h"

#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <iterator>
#include <utility>

#include "server/base/process.h"
#include "server/telemetry/metric_families.h"

namespace pyexec {
namespace {

// Seconds. A phase takes between a microsecond and the longest job. A request takes at least a
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
// In the order of Jail.
constexpr const char* kJails[] = {"made", "kept"};
// In the order of MessageSource, and of Taken.
constexpr const char* kSources[] = {"pubsub", "cloud_tasks"};
constexpr const char* kTaken[] = {"run", "duplicate", "in_work", "put_back"};
constexpr Explained kRefusals[] = {
#define X(name, help) {#name, help},
    PYEXEC_REFUSALS(X)
#undef X
};

template <typename Rows, typename Histograms>
void add_phases(prometheus::Registry& registry, const char* name, const std::string& help,
                const Rows& rows, Histograms& out) {
  auto& family =
      prometheus::BuildHistogram().Name(name).Help(with_rows(help, rows)).Register(registry);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = &family.Add({{"phase", rows[i].name}}, kPhaseBuckets);
}

void raise_to(prometheus::Counter& counter, double value) {
  if (value > counter.Value()) counter.Increment(value - counter.Value());
}

}  // namespace

struct Metrics::Families {
  Families();

  template <typename Phase>
  using Histograms = std::array<prometheus::Histogram*, static_cast<std::size_t>(Phase::count)>;

  template <typename Reason>
  using Counters = std::array<prometheus::Counter*, static_cast<std::size_t>(Reason::count)>;

  prometheus::Registry registry;
  SessionMetrics sessions{registry};
  TemplateMetrics templates{registry};
  ToolMetrics tools{registry};
  KeptJobMetrics kept_jobs{registry};
  KeyMetrics keys{registry};
  Histograms<RequestPhase> phases = {};
  Histograms<RefillPhase> refill = {};
  prometheus::Histogram* request;
  prometheus::Counter *hits, *misses, *zygote_starts, *worker_failures, *dropped_log_lines,
      *cpu_seconds;
  std::array<prometheus::Counter*, kOutcomes> answers = {};
  prometheus::Counter* cancelled;
  Counters<Refusal> refusals = {};
  Counters<Replaced> replaced = {};
  Counters<Jail> jails = {};
  std::array<prometheus::Counter*, sandbox::kVerdictNames.size()> jails_lost = {};  // by Verdict
  std::array<Counters<Taken>, static_cast<std::size_t>(MessageSource::count)> messages = {};
  std::array<prometheus::Counter*, 2> bytes = {};  // by Direction
  std::array<prometheus::Gauge*, 4> workers = {};
  prometheus::Gauge *waiting, *load, *body_bytes, *answer_bytes, *connections, *is_ready,
      *isolation_level, *image_bytes, *resident_bytes;
  prometheus::Family<prometheus::Gauge>* info;
};

Metrics::Families::Families() {
  add_phases(this->registry, "pyexec_request_phase_seconds", "Time of /execute in each phase",
             kRequestPhases, this->phases);
  add_phases(this->registry, "pyexec_refill_phase_seconds", "Time of making a worker in each phase",
             kRefillPhases, this->refill);
  this->request = &prometheus::BuildHistogram()
                       .Name("pyexec_request_duration_seconds")
                       .Help("Time of requests to /execute, from the head to the end of the answer")
                       .Register(this->registry)
                       .Add({}, kRequestBuckets);
  auto& takes = counters(this->registry, "pyexec_worker_acquisitions_total",
                         "Jobs that got a worker: at once (hit), or after they had waited (miss)");
  this->hits = &takes.Add({{"result", "hit"}});
  this->misses = &takes.Add({{"result", "miss"}});
  auto& answers_family =
      counters(this->registry, "pyexec_jobs_total",
               "Requests to /execute and lines of batches by outcome; cancelled: "
               "their client went away before they had ended");
  for (std::size_t i = 0; i < this->answers.size(); ++i)
    this->answers[i] =
        &answers_family.Add({{"outcome", std::string(outcome_name(static_cast<OutcomeKind>(i)))}});
  this->cancelled = &answers_family.Add({{"outcome", "cancelled"}});
  auto& refusals_family = counters(this->registry, "pyexec_refusals_total",
                                   with_rows("Requests and jobs that were not run", kRefusals));
  for (std::size_t i = 0; i < this->refusals.size(); ++i)
    this->refusals[i] = &refusals_family.Add({{"reason", kRefusals[i].name}});
  auto& bytes_family = counters(this->registry, "pyexec_http_bytes_total",
                                "Bytes of HTTP, heads and framing included");
  for (std::size_t i = 0; i < this->bytes.size(); ++i)
    this->bytes[i] = &bytes_family.Add({{"direction", kDirections[i]}});
  auto& replaced_family =
      counters(this->registry, "pyexec_zygote_replacements_total",
               "Zygotes replaced: because one ended by itself (lost), or had made as "
               "many workers (jobs) or was as old (age) as configured");
  for (std::size_t i = 0; i < this->replaced.size(); ++i)
    this->replaced[i] = &replaced_family.Add({{"reason", kReplacedReasons[i]}});
  auto& jails_family = counters(
      this->registry, "pyexec_jails_total",
      "Jails that workers got: made for them, or kept after a job that left them untouched");
  for (std::size_t i = 0; i < this->jails.size(); ++i)
    this->jails[i] = &jails_family.Add({{"jail", kJails[i]}});
  auto& lost_family = counters(
      this->registry, "pyexec_jails_lost_total",
      "Jails thrown away: of a job that made processes or files or left descriptors in_flight or "
      "memory to the kernel, or whose worker or init ended (ended, lost); or of the longest age");
  for (std::size_t i = 1; i < this->jails_lost.size(); ++i)
    this->jails_lost[i] = &lost_family.Add({{"reason", sandbox::kVerdictNames[i]}});
  auto& messages_family =
      counters(this->registry, "pyexec_queue_messages_total",
               "Messages of queues: run, and not to be delivered again; a duplicate "
               "of one that was; in work already; put back, to be delivered again");
  for (std::size_t i = 0; i < this->messages.size(); ++i)
    for (std::size_t k = 0; k < this->messages[i].size(); ++k)
      this->messages[i][k] = &messages_family.Add({{"source", kSources[i]}, {"result", kTaken[k]}});
  this->zygote_starts =
      &counters(this->registry, "pyexec_zygote_starts_total", "Zygotes started").Add({});
  this->worker_failures =
      &counters(this->registry, "pyexec_worker_failures_total", "Workers that could not be made")
           .Add({});
  this->dropped_log_lines =
      &counters(this->registry, "pyexec_log_lines_dropped_total",
                "Lines of the log that were not written, or whose reader was too slow")
           .Add({});
  this->cpu_seconds =
      &counters(this->registry, "process_cpu_seconds_total", "CPU time of the server, without jobs")
           .Add({});

  auto& workers_family =
      prometheus::BuildGauge()
          .Name("pyexec_workers")
          .Help(
              "Workers by state: parked and ready, on their way, or out with a job; "
              "and how many are to be ready (target)")
          .Register(this->registry);
  for (std::size_t i = 0; i < this->workers.size(); ++i)
    this->workers[i] = &workers_family.Add({{"state", kWorkerStates[i]}});
  this->waiting =
      &add_gauge(this->registry, "pyexec_jobs_waiting", "Accepted jobs that have no worker yet");
  this->load =
      &add_gauge(this->registry, "pyexec_load_ratio",
                 "Jobs that run and wait, as a share of those that may run: above 1 they wait");
  this->body_bytes =
      &add_gauge(this->registry, "pyexec_request_body_bytes",
                 "Bytes of requests' bodies that are there, those still coming in too");
  this->answer_bytes = &add_gauge(this->registry, "pyexec_answer_bytes",
                                  "Bytes of answers that wait for their clients to take them");
  this->connections =
      &add_gauge(this->registry, "pyexec_connections", "Open connections of clients");
  this->is_ready = &add_gauge(this->registry, "pyexec_ready", "1 where /health says so, else 0");
  this->isolation_level = &add_gauge(this->registry, "pyexec_isolation_level",
                                     "Level that was verified at start, 1 to 4");
  this->image_bytes =
      &add_gauge(this->registry, "pyexec_image_bytes",
                 "Image of the warm interpreter that workers are forked from; 0: there is none");
  this->resident_bytes = &add_gauge(this->registry, "process_resident_memory_bytes",
                                    "Resident memory of the server, without jobs");
  this->info = &prometheus::BuildGauge()
                    .Name("pyexec_info")
                    .Help("Always 1; the labels say what runs")
                    .Register(this->registry);
}

Metrics::Metrics() : families_(std::make_unique<Families>()) {}

Metrics::~Metrics() = default;

void Metrics::observe(RequestPhase phase, std::uint64_t ns) {
  families_->phases[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) *
                                                              kNanosecond);
}

void Metrics::observe(RefillPhase phase, std::uint64_t ns) {
  families_->refill[static_cast<std::size_t>(phase)]->Observe(static_cast<double>(ns) *
                                                              kNanosecond);
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
  (hit ? families_->hits : families_->misses)->Increment();
}

void Metrics::count_answer(OutcomeKind outcome, std::string_view key, Client client) {
  families_->keys.answered(key, outcome);
  const bool is_cancelled = outcome == OutcomeKind::internal && client == Client::gone;
  (is_cancelled ? families_->cancelled : families_->answers[static_cast<std::size_t>(outcome)])
      ->Increment();
}

void Metrics::count_refusal(Refusal reason) {
  families_->refusals[static_cast<std::size_t>(reason)]->Increment();
}

void Metrics::count_bytes(Direction direction, std::uint64_t bytes) {
  families_->bytes[static_cast<std::size_t>(direction)]->Increment(static_cast<double>(bytes));
}

void Metrics::count_message(MessageSource source, Taken how) {
  families_->messages[static_cast<std::size_t>(source)][static_cast<std::size_t>(how)]->Increment();
}

void Metrics::observe_request(std::uint64_t ns) {
  families_->request->Observe(static_cast<double>(ns) * kNanosecond);
}

void Metrics::count_jail(Jail jail) {
  families_->jails[static_cast<std::size_t>(jail)]->Increment();
}

void Metrics::count(sandbox::Verdict why) {
  const auto i = static_cast<std::size_t>(why);
  if (i > 0 && i < families_->jails_lost.size()) families_->jails_lost[i]->Increment();
}

void Metrics::count_zygote_replaced(Replaced why) {
  families_->replaced[static_cast<std::size_t>(why)]->Increment();
}

SessionMetrics& Metrics::sessions() {
  return families_->sessions;
}

const TemplateMetrics& Metrics::templates() const {
  return families_->templates;
}
const ToolMetrics& Metrics::tools() const {
  return families_->tools;
}

std::string Metrics::text(const Present& present) {
  const PoolState& pool = present.pool;
  const std::uint64_t states[] = {pool.target, pool.ready, pool.starting, pool.running};
  for (std::size_t i = 0; i < families_->workers.size(); ++i)
    families_->workers[i]->Set(static_cast<double>(states[i]));
  const auto set = [](prometheus::Gauge* gauge, std::uint64_t value) {
    gauge->Set(static_cast<double>(value));
  };
  families_->sessions.set(present.sessions);
  families_->templates.set(present.templates);
  families_->tools.set(present.tool_jobs, present.waiting_tool_jobs);
  families_->kept_jobs.set(present.kept_jobs);
  set(families_->waiting, pool.waiting);
  families_->load->Set(static_cast<double>(pool.running + pool.waiting) /
                       static_cast<double>(present.running_limit));
  set(families_->body_bytes, present.body_bytes);
  set(families_->answer_bytes, present.answer_bytes);
  set(families_->connections, present.connections);
  set(families_->is_ready, present.is_ready ? 1 : 0);
  set(families_->isolation_level, present.isolation_level);
  set(families_->image_bytes, present.image_bytes);
  set(families_->resident_bytes, resident_bytes());
  raise_to(*families_->zygote_starts, static_cast<double>(pool.zygote_starts));
  raise_to(*families_->worker_failures, static_cast<double>(pool.worker_failures));
  raise_to(*families_->dropped_log_lines, static_cast<double>(present.dropped_log_lines));
  raise_to(*families_->cpu_seconds, cpu_seconds());
  if (!present.info.empty()) families_->info->Add(present.info).Set(1);
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace pyexec
