// The parts of the service, put together. Built and owned by main.
#pragma once

#include <optional>

#include "server/api/routes.h"
#include "server/app/settings.h"
#include "server/docs/documents.h"

namespace pyexec {

// The operator's rules for clients, read before the first client connects.
struct ClientPolicy {
  CorsPolicy cors;
  std::optional<ApiKeys> keys;
};

// The objects that main makes before the service.
struct Process {
  net::any_io_executor executor;
  LauncherClient& launcher;
  Log& log;
};

struct Application {
  Application(const Process& process, const Config& configuration, ClientPolicy policy)
      : config(configuration),
        log(process.log),
        request_log(log, config.trace_project),
        access(access_settings(config), std::move(policy.keys)),
        engine(process.executor, engine_limits(config), process.launcher, {log, metrics}, offload,
               lifecycle),
        http(http_limits(config), std::move(policy.cors), {log, metrics}, request_log, offload,
             lifecycle),
        api{api_settings(config),
            process.executor,
            engine,
            access,
            http,
            log,
            metrics,
            offload,
            lifecycle,
            DedupCache(std::chrono::seconds(config.queue_window_s)),
            openapi_document(engine.caps),
            front_page(engine.caps),
            assets()},
        router(api) {
    http.handler = &router;
  }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  const Config& config;
  Log& log;
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
