// The parts of the service, put together. Built and owned by main.
#pragma once

#include <optional>

#include "server/api/routes.h"
#include "server/docs/documents.h"

namespace pyexec {

// What the operator says of clients, read before there are any.
struct ClientPolicy {
  CorsPolicy cors;
  std::optional<ApiKeys> keys;
  LogFormat log;
};

// Base64 and escapes make more of what a job is allowed.
inline std::uint64_t largest_answer_bytes(const Config& config) {
  constexpr std::uint64_t kLongestEscape = 6;
  return config.result_bytes * 2 + config.return_bytes * 2 +
         config.output_bytes * 2 * kLongestEscape + (1 << 20);
}

inline HttpLimits http_limits_of(const Config& config) {
  return {.connections = config.connections,
          .body_bytes = largest_body_bytes(job_caps_of(config)),
          .answer_bytes = largest_answer_bytes(config),
          .all_body_bytes = config.body_mb << 20,
          .read_timeout = std::chrono::milliseconds(config.read_timeout_ms),
          .idle_timeout = std::chrono::milliseconds(config.idle_timeout_ms)};
}

struct Application {
  Application(net::any_io_executor executor, const Config& configuration, Launcher& launcher,
              ClientPolicy policy)
      : config(configuration),
        request_log(policy.log, config.trace_project),
        access(config, std::move(policy.keys)),
        engine(executor, config, launcher, metrics, offload, lifecycle),
        http(http_limits_of(config), std::move(policy.cors), metrics, request_log, offload,
             lifecycle),
        api{config,
            engine,
            access,
            http,
            metrics,
            offload,
            lifecycle,
            DedupCache(std::chrono::seconds(config.queue_window_s)),
            openapi_document(engine.caps),
            front_page(engine.caps)},
        router(api) {
    http.handler = &router;
  }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  const Config& config;
  Lifecycle lifecycle;
  Metrics metrics;
  const RequestLog request_log;
  Offload offload;
  Access access;
  Engine engine;
  HttpServer http;
  Api api;
  Router router;
};

}  // namespace pyexec
