// What the service counts and times, as GET /metrics tells it: names and buckets in metrics.cc. All
// on the server's thread.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <string>

#include "server/outcome.h"

namespace pyexec {

// Of a request to /execute, one after the other; but for reap, which follows the answer.
#define PYEXEC_REQUEST_PHASES(X)                                        \
  X(parse, "the body, once it is there")                                \
  X(admit, "asking for a place")                                        \
  X(pool_wait, "until a worker is taken")                               \
  X(hand_off, "until the worker has read the script")                   \
  X(run, "until the worker has a report, or the job was ended without") \
  X(report, "until the server has the report")                          \
  X(kill, "until no process of the job can go on")                      \
  X(reply, "judging, and handing the answer to the kernel")             \
  X(reap, "until no process of the job is left, where that is after it")

// Of making a worker, one after the other; total also has what lies between them.
#define PYEXEC_REFILL_PHASES(X)                                              \
  X(namespaces, "a first process in new namespaces, its ids mapped")         \
  X(mounts, "the jail's scratch file systems, and its first process sealed") \
  X(fork, "the fork, as its caller sees it")                                 \
  X(populate, "pages that scripts write to, made the worker's own")          \
  X(enter, "joining the jail, and giving up every right")                    \
  X(warm_up, "the interpreter's new life, and a first script")               \
  X(total, "from the request to the zygote until the worker is parked")

enum class RequestPhase : std::uint8_t {
#define X(name, help) name,
  PYEXEC_REQUEST_PHASES(X)
#undef X
      count
};

enum class RefillPhase : std::uint8_t {
#define X(name, help) name,
  PYEXEC_REFILL_PHASES(X)
#undef X
      count
};

struct PoolState {
  std::uint64_t target, ready, starting, running, waiting;
  std::uint64_t zygote_starts, worker_failures;
};

class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void observe(RequestPhase phase, std::uint64_t ns);
  void observe(RefillPhase phase, std::uint64_t ns);
  // A job has a worker; whether one was parked when it came, and a job was allowed to run.
  void count_take(bool hit);
  void count_answer(OutcomeKind outcome);

  // In the text format of Prometheus, version 0.0.4.
  std::string text(const PoolState& pool, std::uint64_t body_bytes);

 private:
  template <typename Phase>
  using Histograms = std::array<prometheus::Histogram*, static_cast<std::size_t>(Phase::count)>;

  prometheus::Registry registry_;
  Histograms<RequestPhase> request_ = {};
  Histograms<RefillPhase> refill_ = {};
  prometheus::Counter *hits_, *misses_, *zygote_starts_, *worker_failures_;
  std::array<prometheus::Counter*, kOutcomes> answers_ = {};
  std::array<prometheus::Gauge*, 5> pool_ = {};
  prometheus::Gauge* body_bytes_;
};

}  // namespace pyexec
