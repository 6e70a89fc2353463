// Which paths there are, as data: for the handlers, the OpenAPI document and the page for people.
#pragma once

#include <boost/beast/http.hpp>
#include <cstdint>
#include <string_view>

namespace pyexec {

// name, method, path, whose, what it is for
#define PYEXEC_ROUTES(X)                                                                       \
  X(execute, post, "/execute", jobs, "Run a script")                                           \
  X(batch, post, "/execute/batch", jobs, "Run many scripts")                                   \
  X(queue_pubsub, post, "/queue/pubsub", jobs, "Run a script that a Pub/Sub push delivers")    \
  X(queue_tasks, post, "/queue/tasks", jobs, "Run a script that a Cloud Tasks queue delivers") \
  X(health, get, "/health", service, "Isolation level, features, self-test, pool, versions")   \
  X(healthz, get, "/healthz", service, "Whether the process answers")                          \
  X(metrics, get, "/metrics", service, "Counters and times, for Prometheus")                   \
  X(openapi, get, "/openapi.json", service, "This document")                                   \
  X(page, get, "/", service, "A page for people")

enum class RouteName : std::uint8_t {
#define X(name, method, path, whose, summary) name,
  PYEXEC_ROUTES(X)
#undef X
};

// jobs: asks for a key, and names its outcome.
enum class RouteOf : std::uint8_t { jobs, service };

struct Route {
  RouteName name;
  std::string_view name_text;
  boost::beast::http::verb method;
  std::string_view path;
  RouteOf of;
  std::string_view summary;
};

inline constexpr Route kRoutes[] = {
#define X(name, method, path, whose, summary) \
  {RouteName::name, #name, boost::beast::http::verb::method, path, RouteOf::whose, summary},
    PYEXEC_ROUTES(X)
#undef X
};

}  // namespace pyexec
