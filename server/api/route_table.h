// The paths, as data; docs/openapi.yaml describes them.
#pragma once

#include <boost/beast/http.hpp>
#include <cstdint>
#include <string_view>

namespace pyexec {

// name, method, path, whose. A part of a path in braces is any text without a slash; {file}, which
// comes last, is any text.
#define PYEXEC_ROUTES(X)                                             \
  X(execute, post, "/execute", jobs)                                 \
  X(execute_continue, post, "/execute/continue", jobs)               \
  X(batch, post, "/execute/batch", jobs)                             \
  X(job_show, get, "/jobs/{job}", jobs)                              \
  X(job_end, delete_, "/jobs/{job}", jobs)                           \
  X(template_put, put, "/templates", jobs)                           \
  X(templates_list, get, "/templates", jobs)                         \
  X(template_end, delete_, "/templates/{template}", jobs)            \
  X(sessions_open, post, "/sessions", jobs)                          \
  X(sessions_list, get, "/sessions", jobs)                           \
  X(session_show, get, "/sessions/{session}", jobs)                  \
  X(session_end, delete_, "/sessions/{session}", jobs)               \
  X(session_execute, post, "/sessions/{session}/execute", jobs)      \
  X(session_put_file, put, "/sessions/{session}/files/{file}", jobs) \
  X(session_get_file, get, "/sessions/{session}/files/{file}", jobs) \
  X(tools_list, get, "/tools", jobs)                                 \
  X(tool_call, post, "/tools/{tool}", jobs)                          \
  X(mcp, post, "/mcp", jobs)                                         \
  X(packages, get, "/packages", jobs)                                \
  X(queue_pubsub, post, "/queue/pubsub", jobs)                       \
  X(queue_tasks, post, "/queue/tasks", jobs)                         \
  X(health, get, "/health", service)                                 \
  X(healthz, get, "/healthz", service)                               \
  X(metrics, get, "/metrics", service)                               \
  X(openapi, get, "/openapi.json", service)                          \
  X(client_file, get, "/client/{asset}", service)                    \
  X(playground_file, get, "/playground/{asset}", service)            \
  X(about, get, "/about", service)                                   \
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

// The parts of a path that were in braces, as they were sent.
struct PathParts {
  std::string_view session, template_name, tool, job, file;
  std::string_view asset;  // with the part before it
};

// Whether `path` is of this route. Fills `parts` if so.
bool matches(const Route& route, std::string_view path, PathParts& parts);

}  // namespace pyexec
