#include "server/routes.h"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "server/execute.h"
#include "server/health.h"
#include "server/job_request.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kExecute = "/execute";

struct Route {
  std::string_view path;
  http::verb method;
};

constexpr Route kRoutes[] = {
    {kExecute, http::verb::post},
    {"/health", http::verb::get},
    {"/healthz", http::verb::get},
    {"/metrics", http::verb::get},
};

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return boost::iequals(boost::trim_copy(std::string(type)), "application/json");
}

Response refuse(std::string_view path, unsigned status, const std::string& message) {
  return path == kExecute ? execute_error(OutcomeKind::invalid_request, status, message)
                          : error_response(status, message);
}

}  // namespace

awaitable<Response> route(Service& service, const Request& request, Cancellation& cancellation) {
  const std::string_view path = path_of(request.target());
  const auto known = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                  [&](const Route& row) { return row.path == path; });
  if (known == std::end(kRoutes)) co_return error_response(404, "no such path; try POST /execute");
  // HEAD is GET without the body, which the session leaves out.
  const auto method = request.method() == http::verb::head ? http::verb::get : request.method();
  if (method != known->method) {
    const std::string allowed = http::to_string(known->method);
    Response response = refuse(path, 405, "method not allowed; use " + allowed);
    response.headers.emplace_back("Allow", allowed);
    co_return response;
  }
  if (path == "/healthz") co_return healthz();
  if (path == "/health") co_return health(service);
  if (path == "/metrics") co_return metrics(service);
  if (!is_json(request[http::field::content_type]))
    co_return refuse(path, 415, "Content-Type must be application/json");
  co_return co_await execute(service, request.body(), cancellation);
}

Response too_busy(std::string_view target) {
  constexpr const char* kWhy = "too many bytes of requests are being read; try again later";
  return path_of(target) == kExecute ? busy_response(kWhy) : error_response(429, kWhy);
}

Response too_large(const Service& service, std::string_view target) {
  const auto limit = largest_body_bytes(service.job_caps);
  return refuse(path_of(target), 413,
                "request body is larger than the limit of " + std::to_string(limit) + " bytes");
}

}  // namespace pyexec
