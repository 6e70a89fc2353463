#include "server/docs/openapi.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <stdexcept>

#include "server/docs/openapi_json.h"
#include "server/docs/openapi_paths.h"
#include "server/docs/openapi_schemas.h"
#include "server/docs/told.h"
#include "server/job/answer.h"

namespace pyexec {
namespace {

constexpr std::string_view kDescription =
    "Runs untrusted Python, each job in a jail of its own. Every answer with a body but that of "
    "`/metrics` and `/` is JSON; an error is an object with an `error`. A path that is not here is "
    "answered with 404, what is not HTTP with 400, both with such an object. OPTIONS is answered "
    "with 204 at each of these paths, HEAD wherever GET is.";

constexpr std::string_view kTags = R"([
  {"name": "jobs", "description": "Scripts to run"},
  {"name": "service", "description": "What the service says of itself"}])";

constexpr std::string_view kSecuritySchemes = R"({"bearer": {
  "type": "http", "scheme": "bearer",
  "description": "An API key; wanted where the service has a file of them"
}
})";

constexpr std::string_view kParameters = R"({"RequestId": {
  "name": "X-Request-Id", "in": "header", "required": false, "schema": {"type": "string"},
  "description": "Comes back in the answer, if it is 1 to 128 characters of `A-Za-z0-9._~:/+=@-`; any other is replaced"},
"ContentEncoding": {
  "name": "Content-Encoding", "in": "header", "required": false,
  "schema": {"type": "string", "enum": ["gzip", "x-gzip", "identity"]},
  "description": "How the body is compressed; unpacked it is not larger than others may be"}})";

constexpr std::string_view kHeaders = R"({
  "X-Request-Id": {"description": "the one that was sent, or a new one",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~:/+=@-]{1,128}$"}},
  "Allow": {"description": "methods of this path", "required": true,
    "schema": {"type": "string", "enum": ["POST, OPTIONS", "GET, HEAD, OPTIONS"]}},
  "Retry-After": {"description": "in seconds", "required": true,
    "schema": {"type": "integer", "minimum": 1}},
  "WWW-Authenticate": {"required": true, "schema": {"type": "string", "pattern": "^Bearer "}},
  "Pyexec-Hint": {"description": "what was probably meant, where the error does not say it",
    "schema": {"type": "string"}},
  "Accept-Encoding": {"description": "in which ways a body may be compressed, if that was wrong",
    "schema": {"type": "string", "const": "gzip"}},
  "Server-Timing": {"description": "milliseconds of a job: in the queue, running, both and more",
    "schema": {"type": "string",
      "pattern": "^queue;dur=[0-9.]+, run;dur=[0-9.]+, total;dur=[0-9.]+$"}},
  "RateLimit-Limit": {"description": "requests at once; where there is a rate limit",
    "schema": {"type": "integer", "minimum": 1}},
  "RateLimit-Remaining": {"description": "requests that are left",
    "schema": {"type": "integer", "minimum": 0}},
  "RateLimit-Reset": {"description": "seconds until all of them are back",
    "schema": {"type": "integer", "minimum": 0}}})";

std::string info() {
  Members members;
  members.text("title", "pyexec");
  members.text("version", PYEXEC_VERSION);
  members.text("summary", "Runs untrusted Python behind an HTTP API");
  members.text("description", kDescription);
  return members.object();
}

std::string components(const JobCaps& caps) {
  Members members;
  members.json("schemas", openapi_schemas(caps));
  members.json("headers", kHeaders);
  members.json("parameters", kParameters);
  members.json("securitySchemes", kSecuritySchemes);
  return members.object();
}

// The tables of outcomes and events, which JSON Schema has no place for.
std::string outcomes() {
  JsonList list;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto kind = static_cast<OutcomeKind>(i);
    const ToldOutcome told = told_outcome(kind);
    JsonList statuses;
    for (const unsigned status : told.statuses) statuses.add(std::to_string(status));
    Members row;
    row.text("name", outcome_name(kind));
    row.json("statuses", statuses.array());
    row.text("body", told.members);
    row.text("when", outcome_meaning(kind));
    list.add(row.object());
  }
  return list.array();
}

std::string events() {
  JsonList list;
  for (const ToldEvent& event : told_events()) {
    JsonList members;
    for (const ToldGroup group : event.groups)
      for (const ToldMember& member : group) members.add_text(member.name);
    Members row;
    row.text("name", event.name);
    row.json("members", members.array());
    row.text("when", event.when);
    list.add(row.object());
  }
  return list.array();
}

std::string indented(const std::string& json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
  if (document.HasParseError())
    throw std::logic_error("the OpenAPI document is no JSON at: " +
                           json.substr(document.GetErrorOffset(), 80));
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 1);
  writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  document.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

std::string openapi_document(const JobCaps& caps) {
  Members document;
  document.text("openapi", "3.1.0");
  document.json("info", info());
  document.json("servers", R"([{"url": "/"}])");
  document.json("tags", kTags);
  document.json("paths", openapi_paths());
  document.json("components", components(caps));
  document.json("x-pyexec-outcomes", outcomes());
  document.json("x-pyexec-events", events());
  return indented(document.object());
}

}  // namespace pyexec
