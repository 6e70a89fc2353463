// What the handlers of requests work with. Built and owned by app/.
#pragma once

#include <string>

#include "server/api/queue/dedup_cache.h"
#include "server/auth/access.h"
#include "server/config/config.h"
#include "server/engine/engine.h"
#include "server/http/http_server.h"

namespace pyexec {

struct Api {
  const Config& config;
  Engine& engine;
  Access& access;
  HttpServer& http;
  Metrics& metrics;
  Offload& offload;
  Lifecycle& lifecycle;
  DedupCache dedup_cache;  // of messages of queues
  const std::string openapi;
  const std::string page;  // with a blank for the address that the client used
};

}  // namespace pyexec
