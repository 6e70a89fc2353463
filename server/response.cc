#include "server/response.h"

#include "server/untrusted_json.h"
#include "server/utf8.h"

namespace pyexec {
namespace {

constexpr std::string_view kOutcomeHeader = "Pyexec-Outcome";
constexpr const char* kRetryAfterSeconds = "1";

}  // namespace

Response error_response(unsigned status, std::string_view message) {
  Response response = {status, R"({"error": )"};
  append_json_string(response.body, to_valid_utf8(message));
  response.body += "}";
  return response;
}

Response execute_error(OutcomeKind kind, unsigned status, std::string_view message) {
  Response response = error_response(status, message);
  response.headers.emplace_back(kOutcomeHeader, outcome_name(kind));
  response.outcome = kind;
  return response;
}

Response busy_response(std::string_view message) {
  Response response = execute_error(OutcomeKind::busy, outcome_status(OutcomeKind::busy), message);
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

Response outcome_response(const Outcome& outcome) {
  Response response = {outcome_status(outcome.kind), ""};
  response.headers.emplace_back(kOutcomeHeader, outcome_name(outcome.kind));
  response.outcome = outcome.kind;
  std::string& body = response.body;
  body.reserve(outcome.result_json.size() + outcome.error.size() + outcome.stdout_bytes.size() +
               64);
  if (outcome.kind == OutcomeKind::ok) {
    body += R"({"result": )";
    body += outcome.result_json;
  } else {
    body += R"({"error": )";
    append_json_string(body, outcome.error);
  }
  body += R"(, "stdout": )";
  append_json_string(body, to_valid_utf8(outcome.stdout_bytes));
  if (outcome.stdout_truncated) body += R"(, "stdout_truncated": true)";
  body += "}";
  return response;
}

}  // namespace pyexec
