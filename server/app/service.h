// What request handlers work with. Built and owned by main.
#pragma once

#include <algorithm>
#include <set>
#include <thread>

#include "server/api/queue/deliveries.h"
#include "server/auth/access.h"
#include "server/base/offload.h"
#include "server/config/config.h"
#include "server/docs/openapi.h"
#include "server/docs/pages.h"
#include "server/engine/admission.h"
#include "server/engine/batch_share.h"
#include "server/http/cors.h"
#include "server/http/request_id.h"
#include "server/http/seats.h"
#include "server/http/unread.h"
#include "server/job/job_request.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/request_log.h"
#include "server/workers/isolation.h"
#include "server/workers/pool.h"

namespace pyexec {

// What the operator says of clients, read before there are any.
struct ClientPolicy {
  CorsPolicy cors;
  std::optional<ApiKeys> keys;
  LogFormat log;
};

inline Metrics::Client client_of(const Cancellation& cancellation) {
  return cancellation.requested(Cancellation::By::client) ? Metrics::Client::gone
                                                          : Metrics::Client::there;
}

struct Service {
  Service(net::any_io_executor executor, const Config& configuration, Launcher& launcher,
          ClientPolicy policy)
      : config(configuration),
        job_caps({.script_bytes = config.script_bytes,
                  .input_bytes = config.input_bytes,
                  .args_depth = config.result_depth,
                  .timeout_ms = config.timeout_ms,
                  .memory_mb = config.memory_mb,
                  .output_bytes = config.stdout_bytes,
                  .env_names = config.env_names,
                  .files_bytes = config.return_bytes,
                  .files_count = config.return_files,
                  .files_depth = config.return_depth,
                  .denied_imports = config.deny_imports}),
        openapi(openapi_document(job_caps)),
        page(front_page(job_caps)),
        request_log(policy.log, config.trace_project),
        access(config, std::move(policy.keys)),
        cors(std::move(policy.cors)),
        admission(configuration.running_jobs + configuration.queued_jobs),
        body_room(room_for(configuration.body_mb << 20, largest_body_bytes(job_caps))),
        answer_room(room_for(configuration.body_mb << 20, largest_answer_bytes(config))),
        unread_answers(answer_room),
        batch_share(batch_limits(config)),
        pool(executor, configuration, launcher, metrics),
        deliveries(std::chrono::seconds(config.queue_window_s)) {}

  // A batch alone keeps all cores at work, and beside others leaves one to them.
  static BatchShare::Limits batch_limits(const Config& config) {
    const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
    const auto up_to = [&](std::uint64_t jobs) {
      return std::clamp<std::uint64_t>(jobs, 1, config.running_jobs);
    };
    return {up_to(2 * cores), up_to(cores - 1)};
  }

  // One subject alone has at most half of it.
  static Shares::Room room_for(std::uint64_t bytes, std::uint64_t largest) {
    constexpr std::uint64_t kFreeEach = 64 << 10;
    return {std::max(bytes, 2 * largest), kFreeEach};
  }

  // Base64 and escapes make more of what a job is allowed.
  static std::uint64_t largest_answer_bytes(const Config& config) {
    constexpr std::uint64_t kLongestEscape = 6;
    return config.result_bytes * 2 + config.return_bytes * 2 +
           config.stdout_bytes * 2 * kLongestEscape + (1 << 20);
  }

  const Config& config;
  const JobCaps job_caps;
  const std::string openapi, page;  // told as they are
  Metrics metrics;
  const RequestLog request_log;
  Access access;
  const CorsPolicy cors;
  RequestIds request_ids;
  Admission admission;  // of single jobs
  Shares body_room;     // of requests, as they come in
  Shares answer_room;   // of answers that wait for their clients
  UnreadAnswers unread_answers;
  Seats seats;             // of connections
  BatchShare batch_share;  // of jobs of batches
  Offload offload;
  Pool pool;
  Isolation isolation;           // known before the first request
  std::set<Cancellation*> jobs;  // in work, so that a shutdown can end them
  std::uint64_t connections = 0;
  Deliveries deliveries;    // of messages of queues
  bool is_leaving = false;  // other instances should be asked
  bool draining = false;    // nothing new is begun
  bool is_over = false;     // accepted jobs have been ended
  std::set<Signal*> drain_watchers;
};

}  // namespace pyexec
