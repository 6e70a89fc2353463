#include "server/api/entrance.h"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "server/http/authority.h"
#include "server/http/content_encoding.h"

namespace pyexec {

namespace http = boost::beast::http;

namespace {

Response too_often(const char* why, const Headers& headers) {
  Response response = execute_error(OutcomeKind::rate_limited, 429, why);
  response.headers = headers;
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::rate_limited));
  return response;
}

Response unauthorized(Api& api) {
  api.metrics.count_refusal(Refusal::unauthorized);
  Response response = execute_error(OutcomeKind::unauthorized, 401,
                                    "this service wants an API key: Authorization: Bearer KEY");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"pyexec\"");
  return response;
}

}  // namespace

JobCaps caps_of(const Api& api, const Exchange& exchange) {
  JobCaps caps = api.engine.caps;
  const KeyLimits& limits = exchange.limits;
  caps.timeout_ms = std::min(caps.timeout_ms, limits.timeout_ms.value_or(caps.timeout_ms));
  if (limits.memory_mb && *limits.memory_mb < caps.memory_mb) {
    caps.memory_mb = *limits.memory_mb;
    caps.is_memory_lowered = true;
  }
  return caps;
}

bool is_json(const Exchange::Head& head) {
  const std::string_view sent = head[http::field::content_type];
  return boost::iequals(boost::trim_copy(std::string(sent.substr(0, sent.find(';')))),
                        "application/json");
}

bool is_of_known_page(const Api& api, const Exchange::Head& head) {
  const std::string_view origin = head[http::field::origin];
  if (origin.empty()) return true;
  for (const auto& [name, value] : api.http.cors.headers_for(origin))
    if (name == "Access-Control-Allow-Origin") return true;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto authority = parse_authority(origin.substr(scheme + 3));
  constexpr std::string_view kOwn[] = {"localhost", "127.0.0.1", "[::1]"};
  return authority &&
         std::find(std::begin(kOwn), std::end(kOwn), authority->host) != std::end(kOwn);
}

bool is_of_foreign_page(const Api& api, const Exchange::Head& head) {
  const std::string_view origin = head[http::field::origin];
  const std::string host(head[http::field::host]);
  const bool is_own_page = origin == "http://" + host || origin == "https://" + host;
  return !is_own_page && !is_of_known_page(api, head);
}

bool is_sent_unasked(const Exchange::Head& head) {
  constexpr std::string_view kTypes[] = {"", "text/plain", "multipart/form-data",
                                         "application/x-www-form-urlencoded"};
  const std::string_view sent = head[http::field::content_type];
  const std::string type = boost::trim_copy(std::string(sent.substr(0, sent.find(';'))));
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](std::string_view one) { return boost::iequals(type, one); });
}

boost::system::result<BodyType, Response> type_of_job(const Exchange::Head& head) {
  const auto refuse = [](unsigned status, const char* why) {
    return execute_error(OutcomeKind::invalid_request, status, why);
  };
  auto type = body_type(head[http::field::content_type]);
  if (!type) return refuse(415, kBodyTypes);
  if (!content_encoding(head)) return unserved_encoding(head);
  return *std::move(type);
}

Response unserved_encoding(const Exchange::Head& head) {
  Response response = execute_error(OutcomeKind::invalid_request, 415, problem_with_encoding(head));
  response.headers.emplace_back("Accept-Encoding", kServedEncodings);
  return response;
}

boost::system::result<Principal, Response> identify(Api& api, Exchange& exchange) {
  auto principal =
      api.access.identify(exchange.head()[http::field::authorization], exchange.client());
  if (!principal) return unauthorized(api);
  exchange.record().key = principal->key;
  exchange.limits = principal->limits;
  exchange.belongs_to(principal->subject,
                      principal->key.empty() ? Seats::Guest::stranger : Seats::Guest::known);
  return *std::move(principal);
}

boost::system::result<Principal, Response> recognise(Api& api, Exchange& exchange) {
  auto principal = identify(api, exchange);
  if (!principal) return principal;
  if (const auto verdict = api.access.take_token(*principal)) {
    const Headers headers = rate_limit_headers(*verdict);
    if (!verdict->allowed) {
      api.metrics.count_refusal(Refusal::rate_limit);
      return too_often("too many requests; try again later", headers);
    }
    exchange.add_headers(headers);
  }
  return *std::move(principal);
}

boost::system::result<Access::Running, Response> let_in(Api& api, Exchange& exchange) {
  const auto principal = recognise(api, exchange);
  if (!principal) return principal.error();
  return let_run(api, *principal);
}

boost::system::result<Access::Running, Response> let_run(Api& api, const Principal& principal) {
  auto running = api.access.try_run(principal);
  if (!running) {
    api.metrics.count_refusal(Refusal::running_limit);
    return too_often("too many jobs of this API key are running; try again later",
                     {{"Retry-After", "1"}});
  }
  return *std::move(running);
}

std::optional<Response> problem_with_body(const Exchange::Head& head) {
  const bool is_empty =
      head[http::field::content_length] == "0" || (head.count(http::field::content_length) == 0 &&
                                                   head.count(http::field::transfer_encoding) == 0);
  if (!is_empty && !is_json(head))
    return execute_error(OutcomeKind::invalid_request, 415,
                         "Content-Type must be application/json");
  if (!content_encoding(head)) return unserved_encoding(head);
  return std::nullopt;
}

}  // namespace pyexec
