// The counters and timings that GET /metrics returns; names and buckets are in metrics.cc. On the
// server's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sandbox/base/verdict.h"
#include "server/job/outcome_kind.h"
#include "server/job/phases.h"
#include "server/telemetry/kept_job_metrics.h"
#include "server/telemetry/key_metrics.h"
#include "server/telemetry/message_source.h"
#include "server/telemetry/session_metrics.h"
#include "server/telemetry/template_metrics.h"
#include "server/telemetry/tool_metrics.h"
#include "worker/protocol/frame.h"

namespace pyexec {

// Why a request or a job was not run. The status is 429, except for unauthorized.
#define PYEXEC_REFUSALS(X)                                                         \
  X(queue_full, "too many jobs run and wait")                                      \
  X(no_worker, "none became free within the job's time")                           \
  X(too_many_bytes, "bodies that come in, or answers that nobody takes")           \
  X(rate_limit, "too many requests of an API key or address")                      \
  X(running_limit, "too many jobs of an API key at the same time")                 \
  X(session_limit, "too many sessions, of all clients or of one")                  \
  X(template_limit, "too many templates that are in use")                          \
  X(tool_limit, "too many jobs with tools, of all clients or of one")              \
  X(job_limit, "too many jobs without a waiting caller, of all clients or of one") \
  X(log_full, "results go to the log, and nobody reads it")                        \
  X(duplicate, "a message of a queue whose first delivery is still in work")       \
  X(stopping, "the service stops")                                                 \
  X(unauthorized, "no API key, or a wrong one")

enum class Refusal : std::uint8_t {
#define X(name, help) name,
  PYEXEC_REFUSALS(X)
#undef X
      count
};

enum class Direction : std::uint8_t { received, sent };

struct PoolState {
  std::uint64_t target, ready, starting, running, waiting;
  std::uint64_t zygote_starts, worker_failures;
};

// Current values, as opposed to counters.
struct Present {
  PoolState pool;
  SessionCount sessions;
  TemplateCount templates;
  std::uint64_t tool_jobs, waiting_tool_jobs;
  KeptJobCount kept_jobs;
  std::uint64_t running_limit;  // jobs
  std::uint64_t body_bytes, answer_bytes, connections, dropped_log_lines;
  bool is_ready;  // as /health says
  std::uint64_t isolation_level;
  std::uint64_t image_bytes;                // that workers are forked from; 0: there is none
  std::map<std::string, std::string> info;  // versions, by name
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void observe(RequestPhase phase, std::uint64_t ns);
  void observe(RefillPhase phase, std::uint64_t ns);
  void observe(const sandbox::JailTimes& times);  // for a jail built before its worker
  void observe(const StartTimes& times);
  // Counts a job that got a worker. hit: one was parked on arrival, and a job was allowed to run.
  void count_take(bool hit);
  enum class Client : std::uint8_t { there, gone };
  // `internal` with the client gone means a cancelled job.
  // key: the name of the API key, or "".
  void count_answer(OutcomeKind outcome, std::string_view key, Client client = Client::there);
  void count_refusal(Refusal reason);
  void count_bytes(Direction direction, std::uint64_t bytes);
  enum class Taken : std::uint8_t { run, duplicate, in_work, put_back, count };
  void count_message(MessageSource source, Taken how);
  // Times a request to /execute, from its head to the end of its answer.
  void observe_request(std::uint64_t ns);
  enum class Jail : std::uint8_t { made, kept, count };
  void count_jail(Jail jail);        // that a worker got
  void count(sandbox::Verdict why);  // a jail was thrown away; `untouched` counts as nothing
  SessionMetrics& sessions();
  const TemplateMetrics& templates() const;
  const ToolMetrics& tools() const;
  enum class Replaced : std::uint8_t { lost, jobs, age, count };
  void count_zygote_replaced(Replaced why);

  // Returns all metrics in Prometheus text format, version 0.0.4.
  std::string text(const Present& present);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace pyexec
