#include "server/docs/openapi_paths.h"

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>

#include "server/docs/openapi_examples.h"
#include "server/docs/openapi_json.h"
#include "server/docs/openapi_routes.h"
#include "server/docs/told.h"
#include "server/job/answer.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kJson = "application/json";

// Which statuses these headers may go with.
struct HeaderRow {
  std::string_view name;
  RouteOf of;                      // jobs: of them alone
  std::span<const unsigned> with;  // none: every status
};
constexpr unsigned kWithAllow[] = {405}, kWithRetryAfter[] = {429}, kWithChallenge[] = {401},
                   kWithHint[] = {400}, kWithEncodings[] = {415}, kOfJobs[] = {200, 400, 422, 500};
constexpr HeaderRow kHeaderRows[] = {
    {"X-Request-Id", RouteOf::service, {}},
    {"Allow", RouteOf::service, kWithAllow},
    {"Retry-After", RouteOf::jobs, kWithRetryAfter},
    {"WWW-Authenticate", RouteOf::jobs, kWithChallenge},
    {"Pyexec-Hint", RouteOf::jobs, kWithHint},
    {"Accept-Encoding", RouteOf::jobs, kWithEncodings},
    {"Server-Timing", RouteOf::jobs, kOfJobs},
    {"RateLimit-Limit", RouteOf::jobs, {}},
    {"RateLimit-Remaining", RouteOf::jobs, {}},
    {"RateLimit-Reset", RouteOf::jobs, {}},
};

bool has(std::span<const unsigned> statuses, unsigned status) {
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

// Of those with this status: as Markdown, their names, and the schemas of their bodies.
struct ByStatus {
  std::string description;
  JsonList names;
  std::vector<std::string_view> bodies;
};
ByStatus outcomes_with(unsigned status) {
  ByStatus found;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto kind = static_cast<OutcomeKind>(i);
    const ToldOutcome told = told_outcome(kind);
    if (!has(told.statuses, status)) continue;
    found.names.add_text(outcome_name(kind));
    if (!found.description.empty()) found.description += '\n';
    found.description.append("- `").append(outcome_name(kind)).append("`: ");
    found.description += outcome_meaning(kind);
    for (const std::string_view body : told.bodies)
      if (std::find(found.bodies.begin(), found.bodies.end(), body) == found.bodies.end())
        found.bodies.push_back(body);
  }
  return found;
}

std::string schema_of(const ByStatus& outcomes, std::string_view also) {
  if (outcomes.bodies.size() == 1 && also.empty())
    return reference("schemas", outcomes.bodies.front());
  JsonList choices;
  for (const std::string_view body : outcomes.bodies) choices.add(reference("schemas", body));
  if (!also.empty()) choices.add(reference("schemas", also));
  Members schema;
  schema.json("oneOf", choices.array());
  return schema.object();
}

std::string headers_of(const Route& route, unsigned status, const ByStatus* outcomes) {
  Members headers;
  for (const HeaderRow& row : kHeaderRows) {
    if (row.of == RouteOf::jobs && route.of != RouteOf::jobs) continue;
    if (!row.with.empty() && !has(row.with, status)) continue;
    headers.json(row.name, reference("headers", row.name));
  }
  if (outcomes != nullptr) {
    Members header;
    header.text("description", "what became of the request");
    Members schema;
    schema.text("type", "string");
    schema.json("enum", outcomes->names.array());
    header.json("schema", schema.object());
    headers.json("Pyexec-Outcome", header.object());
  }
  return headers.object();
}

// Of requests, or of answers with a status.
std::string examples_of(const Route& route, const Answered* answer) {
  Members examples;
  bool is_empty = true;
  for (const Example& example : openapi_examples()) {
    if (example.path != route.path) continue;
    if (answer != nullptr && answer->status != example.status) continue;
    Members entry;
    entry.text("summary", example.summary);
    entry.json("value", answer != nullptr ? example.answer : example.request);
    examples.json(example.name, entry.object());
    is_empty = false;
  }
  return is_empty ? "" : examples.object();
}

std::string content_of(const Route& route, const std::vector<Content>& contents,
                       const Answered* answer, const ByStatus* outcomes) {
  Members by_type;
  for (const Content& content : contents) {
    Members media;
    media.json("schema", content.schema.empty() ? schema_of(*outcomes, content.also)
                                                : std::string(content.schema));
    if (!content.pieces.empty()) media.text("x-pyexec-schema-of-each", content.pieces);
    const std::string examples = content.media_type == kJson ? examples_of(route, answer) : "";
    if (!examples.empty()) media.json("examples", examples);
    by_type.json(content.media_type, media.object());
  }
  return by_type.object();
}

std::string response_of(const Route& route, const Answered& answer) {
  const ByStatus outcomes = outcomes_with(answer.status);
  const bool is_of_outcomes = answer.description.empty();
  // An answer in pieces begins before its outcome is known.
  const bool names_outcome =
      std::any_of(answer.contents.begin(), answer.contents.end(),
                  [](const Content& content) { return content.schema.empty(); });
  const ByStatus* const named = names_outcome ? &outcomes : nullptr;
  Members response;
  response.text("description",
                is_of_outcomes ? outcomes.description : std::string(answer.description));
  response.json("headers", headers_of(route, answer.status, named));
  response.json("content", content_of(route, answer.contents, &answer, &outcomes));
  return response.object();
}

std::string operation_of(const Route& route) {
  Members operation, responses;
  JsonList parameters;
  operation.text("operationId", route.name_text);
  operation.text("summary", route.summary);
  operation.text("description", description_of(route.name));
  operation.json("tags", route.of == RouteOf::jobs ? R"(["jobs"])" : R"(["service"])");
  operation.json("security", route.of == RouteOf::jobs ? R"([{}, {"bearer": []}])" : "[]");
  parameters.add(reference("parameters", "RequestId"));
  if (route.of == RouteOf::jobs) parameters.add(reference("parameters", "ContentEncoding"));
  operation.json("parameters", parameters.array());
  if (const TakenBody* body = taken_by(route.name)) {
    Members request;
    request.text("description", body->description);
    request.json("required", "true");
    request.json("content", content_of(route, body->contents, nullptr, nullptr));
    operation.json("requestBody", request.object());
  }
  for (const Answered& answer : answers_of(route.name))
    responses.json(std::to_string(answer.status), response_of(route, answer));
  operation.json("responses", responses.object());
  return operation.object();
}

}  // namespace

std::string openapi_paths() {
  Members paths;
  for (const Route& route : kRoutes) {
    Members methods;
    const std::string method(http::to_string(route.method));
    methods.json(boost::to_lower_copy(method), operation_of(route));
    paths.json(route.path, methods.object());
  }
  return paths.object();
}

}  // namespace pyexec
