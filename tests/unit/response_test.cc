#include "server/response.h"

#include <iterator>
#include <set>

#include "server/untrusted_json.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

constexpr OutcomeKind kKinds[] = {
#define X(name, status) OutcomeKind::name,
    PYEXEC_OUTCOMES(X)
#undef X
};

// All values of a header, so that one that is given twice shows.
std::vector<std::string> header(const Response& response, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : response.headers)
    if (key == name) values.push_back(value);
  return values;
}

using Values = std::vector<std::string>;

TEST_CASE("the outcomes are exactly the published list", "[response]") {
  const std::vector<std::string_view> published = {
      "ok",         "invalid_request", "invalid_script", "invalid_arguments", "exception", "not_serializable",
      "time_limit", "memory_limit",    "output_limit",   "exited",    "killed",
      "busy",       "internal"};
  std::vector<std::string_view> names;
  for (const OutcomeKind kind : kKinds) names.push_back(outcome_name(kind));
  CHECK(names == published);
}

TEST_CASE("every outcome has its status", "[response]") {
  CHECK(outcome_status(OutcomeKind::ok) == 200);
  CHECK(outcome_status(OutcomeKind::busy) == 429);
  CHECK(outcome_status(OutcomeKind::internal) == 500);
  for (const OutcomeKind kind : {OutcomeKind::invalid_request, OutcomeKind::invalid_script})
    CHECK(outcome_status(kind) == 400);
  for (const OutcomeKind kind :
       {OutcomeKind::invalid_arguments, OutcomeKind::exception, OutcomeKind::not_serializable, OutcomeKind::time_limit,
        OutcomeKind::memory_limit, OutcomeKind::output_limit, OutcomeKind::exited,
        OutcomeKind::killed})
    CHECK(outcome_status(kind) == 422);
}

TEST_CASE("a job that went well has a result and its output", "[response]") {
  const Response response =
      outcome_response({.kind = OutcomeKind::ok, .result_json = "[1, 2]", .stdout_bytes = "a\n"});
  CHECK(response.status == 200);
  CHECK(response.body == R"({"result": [1, 2], "stdout": "a\n"})");
  CHECK(header(response, "Pyexec-Outcome") == Values{"ok"});
}

TEST_CASE("a failed job has an error and its output", "[response]") {
  for (const OutcomeKind kind : kKinds) {
    if (kind == OutcomeKind::ok) continue;
    const Response response = outcome_response(
        {.kind = kind, .result_json = "1", .error = "say \"no\"", .stdout_bytes = "seen"});
    CHECK(response.status == outcome_status(kind));
    CHECK(response.body == R"({"error": "say \"no\"", "stdout": "seen"})");
    CHECK(header(response, "Pyexec-Outcome") == Values{std::string(outcome_name(kind))});
  }
}

TEST_CASE("a job that printed nothing has an empty output", "[response]") {
  CHECK(outcome_response({.kind = OutcomeKind::ok, .result_json = "null"}).body ==
        R"({"result": null, "stdout": ""})");
  CHECK(outcome_response({.kind = OutcomeKind::killed}).body == R"({"error": "", "stdout": ""})");
}

TEST_CASE("output that was cut is marked, good or failed", "[response]") {
  CHECK(outcome_response({.kind = OutcomeKind::ok,
                          .result_json = "{}",
                          .stdout_bytes = "a",
                          .stdout_truncated = true})
            .body == R"({"result": {}, "stdout": "a", "stdout_truncated": true})");
  CHECK(outcome_response({.kind = OutcomeKind::time_limit,
                          .error = "late",
                          .stdout_bytes = "a",
                          .stdout_truncated = true})
            .body == R"({"error": "late", "stdout": "a", "stdout_truncated": true})");
}

TEST_CASE("output that is not UTF-8 has replacement characters", "[response]") {
  const Response response = outcome_response(
      {.kind = OutcomeKind::ok, .result_json = "1", .stdout_bytes = "a\xff\xe2\x82z"});
  CHECK(response.body == "{\"result\": 1, \"stdout\": \"a\ufffd\ufffdz\"}");
}

TEST_CASE("any output byte gives a body of valid JSON", "[response]") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(2, static_cast<char>(byte));
    const Response response =
        outcome_response({.kind = OutcomeKind::ok, .result_json = "1", .stdout_bytes = bytes});
    const auto checked = reserialise(response.body, 1);
    REQUIRE(checked.has_value());
    CHECK(*checked == response.body);
  }
}

TEST_CASE("a result is put into the body as it stands", "[response]") {
  const std::string digits(400, '7');
  CHECK(outcome_response({.kind = OutcomeKind::ok, .result_json = digits}).body ==
        R"({"result": )" + digits + R"(, "stdout": ""})");
}

TEST_CASE("an error answer has an error and no outcome", "[response]") {
  const Response response = error_response(404, "no \"such\" path");
  CHECK(response.status == 404);
  CHECK(response.body == R"({"error": "no \"such\" path"})");
  CHECK(response.headers.empty());
}

TEST_CASE("an error text that is not UTF-8 has replacement characters", "[response]") {
  CHECK(error_response(400, "unknown field '\xed\xb0\x80'").body ==
        "{\"error\": \"unknown field '\ufffd\ufffd\ufffd'\"}");
}

TEST_CASE("an error of /execute names its outcome and keeps its own status", "[response]") {
  const Response response = execute_error(OutcomeKind::invalid_request, 413, "too large");
  CHECK(response.status == 413);
  CHECK(response.body == R"({"error": "too large"})");
  CHECK(header(response, "Pyexec-Outcome") == Values{"invalid_request"});
  CHECK(header(response, "Retry-After").empty());
}

TEST_CASE("a busy answer says when to try again", "[response]") {
  const Response response = busy_response("later");
  CHECK(response.status == 429);
  CHECK(response.body == R"({"error": "later"})");
  CHECK(header(response, "Pyexec-Outcome") == Values{"busy"});
  const Values seconds = header(response, "Retry-After");
  REQUIRE(seconds.size() == 1);
  CHECK(std::stoul(seconds[0]) >= 1);
}

}  // namespace
}  // namespace pyexec
