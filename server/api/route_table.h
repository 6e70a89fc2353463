// The paths, as data; docs/openapi.yaml describes them.
#pragma once

#include <boost/beast/http.hpp>
#include <cstdint>
#include <string_view>

namespace pyexec {

// name, method, path, whose
#define PYEXEC_ROUTES(X)                       \
  X(execute, post, "/execute", jobs)           \
  X(batch, post, "/execute/batch", jobs)       \
  X(queue_pubsub, post, "/queue/pubsub", jobs) \
  X(queue_tasks, post, "/queue/tasks", jobs)   \
  X(health, get, "/health", service)           \
  X(healthz, get, "/healthz", service)         \
  X(metrics, get, "/metrics", service)         \
  X(openapi, get, "/openapi.json", service)    \
  X(page, get, "/", service)

enum class RouteName : std::uint8_t {
#define X(name, method, path, whose) name,
  PYEXEC_ROUTES(X)
#undef X
};

// jobs: requires a key, and names the outcome in its answer.
enum class RouteOf : std::uint8_t { jobs, service };

struct Route {
  RouteName name;
  std::string_view name_text;
  boost::beast::http::verb method;
  std::string_view path;
  RouteOf of;
};

inline constexpr Route kRoutes[] = {
#define X(name, method, path, whose) \
  {RouteName::name, #name, boost::beast::http::verb::method, path, RouteOf::whose},
    PYEXEC_ROUTES(X)
#undef X
};

}  // namespace pyexec
