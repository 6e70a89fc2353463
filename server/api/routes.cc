#include "server/api/routes.h"

#include "server/api/assets.h"
#include "server/api/batch.h"
#include "server/api/entrance.h"
#include "server/api/execute.h"
#include "server/api/health.h"
#include "server/api/jobs.h"
#include "server/api/mcp/mcp.h"
#include "server/api/packages.h"
#include "server/api/queue/queue_reply.h"
#include "server/api/route_table.h"
#include "server/api/session_files.h"
#include "server/api/sessions.h"
#include "server/api/templates.h"
#include "server/api/tool_calls.h"
#include "server/api/tools.h"
#include "server/http/content_encoding.h"
#include "server/http/request_target.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

struct Call {
  Api& api;
  Exchange& exchange;
  PathParts parts;
};
using Handler = awaitable<std::optional<Response>> (*)(Call call);

awaitable<std::optional<Response>> answer_execute(Call call) {
  auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (const char* path = queue_path_of(call.exchange.head()))
    co_return execute_error(OutcomeKind::invalid_request, 400,
                            std::string("messages of this queue go to POST ") + path);
  const auto type = type_of_job(call.exchange.head());
  if (!type) co_return type.error();
  auto answer = execute(call.api, call.exchange, *type, *std::move(running));
  co_return co_await std::move(answer);
}
awaitable<std::optional<Response>> answer_execute_continue(Call call) {
  auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (auto problem = problem_with_body(call.exchange.head())) co_return problem;
  auto answer = continue_job(call.api, call.exchange, *std::move(running));
  co_return co_await std::move(answer);
}

// Queue deliveries may have any Content-Type, or none.
awaitable<std::optional<Response>> answer_delivery(Call call, MessageSource source) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (!content_encoding(call.exchange.head())) co_return unserved_encoding(call.exchange.head());
  co_return co_await deliver(call.api, call.exchange, source);
}
awaitable<std::optional<Response>> answer_queue_pubsub(Call call) {
  return answer_delivery(call, MessageSource::pubsub);
}
awaitable<std::optional<Response>> answer_queue_tasks(Call call) {
  return answer_delivery(call, MessageSource::cloud_tasks);
}

awaitable<std::optional<Response>> answer_sessions_open(Call call) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (auto problem = problem_with_body(call.exchange.head())) co_return problem;
  co_return co_await open_session(call.api, call.exchange);
}
awaitable<std::optional<Response>> answer_sessions_list(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return list_sessions(call.api, call.exchange);
}
awaitable<std::optional<Response>> answer_session_show(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return co_await show_session(call.api, call.exchange, call.parts.session);
}
awaitable<std::optional<Response>> answer_session_end(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return end_session(call.api, call.exchange, call.parts.session);
}
awaitable<std::optional<Response>> answer_session_execute(Call call) {
  auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  const auto type = type_of_job(call.exchange.head());
  if (!type) co_return type.error();
  const SentCell cell = {call.parts.session, *type};
  auto answer = execute_in_session(call.api, call.exchange, cell, *std::move(running));
  co_return co_await std::move(answer);
}
awaitable<std::optional<Response>> answer_session_put_file(Call call) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (!content_encoding(call.exchange.head())) co_return unserved_encoding(call.exchange.head());
  co_return co_await put_session_file(call.api, call.exchange, call.parts);
}
awaitable<std::optional<Response>> answer_session_get_file(Call call) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  co_return co_await get_session_file(call.api, call.exchange, call.parts);
}

awaitable<std::optional<Response>> answer_template_put(Call call) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (auto problem = problem_with_body(call.exchange.head())) co_return problem;
  co_return co_await put_template(call.api, call.exchange);
}
awaitable<std::optional<Response>> answer_templates_list(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return list_templates(call.api, call.exchange);
}
awaitable<std::optional<Response>> answer_template_end(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return end_template(call.api, call.exchange, call.parts.template_name);
}

awaitable<std::optional<Response>> answer_batch(Call call) {
  auto& [api, exchange, parts] = call;
  const auto principal = identify(api, exchange);
  if (!principal) co_return principal.error();
  if (!content_encoding(exchange.head())) co_return unserved_encoding(exchange.head());
  co_return co_await execute_batch(api, exchange, *principal);
}

awaitable<std::optional<Response>> answer_job_show(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return co_await show_job(call.api, call.exchange, call.parts.job);
}
awaitable<std::optional<Response>> answer_job_end(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return end_job(call.api, call.exchange, call.parts.job);
}

awaitable<std::optional<Response>> answer_tools_list(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  co_return list_tools(call.api);
}
awaitable<std::optional<Response>> answer_tool_call(Call call) {
  auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  if (auto problem = problem_with_body(call.exchange.head())) co_return problem;
  auto answer = call_tool(call.api, call.exchange, call.parts.tool, *std::move(running));
  co_return co_await std::move(answer);
}
awaitable<std::optional<Response>> answer_mcp(Call call) {
  const auto principal = recognise(call.api, call.exchange);
  if (!principal) co_return principal.error();
  if (auto problem = problem_with_body(call.exchange.head())) co_return problem;
  auto answer = answer_model(call.api, call.exchange, *principal);
  co_return co_await std::move(answer);
}

awaitable<std::optional<Response>> answer_packages(Call call) {
  const auto running = let_in(call.api, call.exchange);
  if (!running) co_return running.error();
  co_return co_await list_packages(call.api, call.exchange);
}

awaitable<std::optional<Response>> answer_health(Call call) {
  co_return health(call.api);
}
awaitable<std::optional<Response>> answer_healthz(Call call) {
  co_return healthz(call.api);
}
awaitable<std::optional<Response>> answer_metrics(Call call) {
  co_return metrics(call.api);
}
awaitable<std::optional<Response>> answer_openapi(Call call) {
  co_return Response{200, call.api.openapi};
}
awaitable<std::optional<Response>> answer_client_file(Call call) {
  co_return asset_response(call.api, call.exchange, call.parts.asset);
}
awaitable<std::optional<Response>> answer_playground_file(Call call) {
  co_return asset_response(call.api, call.exchange, call.parts.asset);
}
awaitable<std::optional<Response>> answer_about(Call call) {
  co_return about_response(call.api, call.exchange);
}
awaitable<std::optional<Response>> answer_page(Call call) {
  co_return front_response(call.api, call.exchange);
}

// In the order of kRoutes.
constexpr Handler kHandlers[] = {
#define X(name, method, path, whose) answer_##name,
    PYEXEC_ROUTES(X)
#undef X
};

// The routes of a path, which differ by their methods.
struct Found {
  std::vector<const Route*> routes;
  PathParts parts;

  const Route* any() const { return routes.empty() ? nullptr : routes.front(); }
};

Found find_routes(std::string_view target) {
  const std::string_view path = path_of(target);
  Found found;
  for (const Route& route : kRoutes)
    if (matches(route, path, found.parts)) found.routes.push_back(&route);
  return found;
}

std::string methods_of(const Found& found) {
  std::string methods;
  for (const Route* route : found.routes)
    methods += std::string(http::to_string(route->method)) +
               (route->method == http::verb::get ? ", HEAD, " : ", ");
  return methods + "OPTIONS";
}

// Tells what may be sent here and, for a page of another origin, what that page may send.
Response options(const Api& api, const Exchange& exchange, const Found& found) {
  const Exchange::Head& head = exchange.head();
  Response response = {204, ""};
  if (found.any() != nullptr) response.headers.emplace_back("Allow", methods_of(found));
  const auto wanted = head[http::field::access_control_request_method];
  if (!wanted.empty())
    for (auto& [name, value] : api.http.cors.preflight(head[http::field::origin], wanted))
      // Every answer to an allowed page already has these. Browsers refuse a repeated origin.
      if (name != "Access-Control-Allow-Origin" && name != "Vary")
        response.headers.emplace_back(name, std::move(value));
  return response;
}

bool is_of_jobs(const Route* route) {
  return route != nullptr && route->of == RouteOf::jobs;
}

Response refuse(const Route* route, unsigned status, const std::string& message) {
  if (!is_of_jobs(route)) return error_response(status, message);
  return status == 429 ? busy_response(message)
                       : execute_error(OutcomeKind::invalid_request, status, message);
}

}  // namespace

awaitable<std::optional<Response>> Router::answer(Exchange& exchange) {
  const Exchange::Head& head = exchange.head();
  const Found found = find_routes(head.target());
  const Route* known = found.any();
  if (head.method() == http::verb::options && (known != nullptr || head.target() == "*"))
    co_return options(api_, exchange, found);
  if (known == nullptr) co_return error_response(404, "no such path; try POST /execute, or GET /");
  // HEAD is handled as GET. The body is left out later.
  const auto method = head.method() == http::verb::head ? http::verb::get : head.method();
  const auto route = std::find_if(found.routes.begin(), found.routes.end(),
                                  [&](const Route* one) { return one->method == method; });
  if (route == found.routes.end()) {
    Response response = refuse(known, 405, "method not allowed; use " + methods_of(found));
    response.headers.emplace_back("Allow", methods_of(found));
    co_return response;
  }
  // The model's path says so in its own way.
  if (method == http::verb::post && (*route)->name != RouteName::mcp && is_sent_unasked(head) &&
      is_of_foreign_page(api_, head))
    co_return refuse(*route, 403,
                     "pages of this origin may not use this service; see PYEXEC_CORS_ORIGINS");
  co_return co_await kHandlers[static_cast<std::size_t>((*route)->name)](
      {api_, exchange, found.parts});
}

Response Router::too_busy(std::string_view target) {
  api_.metrics.count_refusal(Refusal::too_many_bytes);
  return refuse(find_routes(target).any(), 429,
                "too many bytes of requests of this client are being read; try again later");
}

std::optional<Response> Router::refuse_late(std::string_view target) {
  const Route* known = find_routes(target).any();
  if (!is_of_jobs(known) || known->path == "/execute/continue") return std::nullopt;
  return refused(api_, Refusal::stopping, "the service stops; try again");
}

Response Router::too_large(std::string_view target) {
  const Route* known = find_routes(target).any();
  const bool is_file = known != nullptr && known->path.ends_with("{file}");
  const auto limit = is_file ? api_.http.limits.file_bytes : api_.http.limits.body_bytes;
  return refuse(known, 413,
                "request body is larger than the limit of " + std::to_string(limit) + " bytes");
}

}  // namespace pyexec
