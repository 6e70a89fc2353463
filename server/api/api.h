// The objects that request handlers use. Built and owned by app/.
#pragma once

#include <span>
#include <string>

#include "server/api/asset.h"
#include "server/api/queue/dedup_cache.h"
#include "server/auth/access.h"
#include "server/engine/engine.h"
#include "server/http/http_server.h"

namespace pyexec {

enum class PushResults { none, log };

struct ApiSettings {
  std::chrono::milliseconds ping;  // idle time on a live answer before the client is pinged
  PushResults push_results;        // where results of queue messages go, beside the answer
  std::uint64_t scratch_bytes;     // of a session's files
  bool has_playground;
};

// A list of what can be imported, and until when it may be told again.
struct PackageList {
  std::string json = {};
  Deadline fresh_until = {};
};

struct Api {
  const ApiSettings settings;
  const net::any_io_executor executor;
  Engine& engine;
  Access& access;
  HttpServer& http;
  Log& log;
  Metrics& metrics;
  Offload& offload;
  Lifecycle& lifecycle;
  DedupCache dedup_cache;  // of queue messages
  const std::string openapi;
  const std::string page;  // with a placeholder for the address that the client used
  const std::span<const Asset> assets;
  PackageList packages = {}, package_names = {};  // of GET /packages; for models
};

}  // namespace pyexec
