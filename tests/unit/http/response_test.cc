#include "server/http/response.h"

#include <iterator>
#include <set>

#include "server/job/answer.h"
#include "server/json/untrusted_json.h"
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

JobRequest plain() {
  return plain_request({.timeout_ms = 1000, .memory_mb = 64, .output_bytes = 10});
}

// What is said of a job that printed so, on both pipes, with room for `cap` bytes of each.
Response response_of(const Outcome& outcome, std::string_view printed = "", std::uint64_t cap = 99,
                     const JobRequest& request = plain()) {
  JobOutput output(cap);
  output.standard.append(printed);
  output.errors.append(printed);
  return outcome_response(outcome, output, request);
}

TEST_CASE("the outcomes are exactly the published list", "[response]") {
  const std::vector<std::string_view> published = {"ok",
                                                   "calls",
                                                   "accepted",
                                                   "invalid_request",
                                                   "unauthorized",
                                                   "invalid_script",
                                                   "invalid_arguments",
                                                   "exception",
                                                   "not_serializable",
                                                   "time_limit",
                                                   "memory_limit",
                                                   "output_limit",
                                                   "exited",
                                                   "killed",
                                                   "not_found",
                                                   "gone",
                                                   "unknown_template",
                                                   "misdirected",
                                                   "busy",
                                                   "rate_limited",
                                                   "internal"};
  std::vector<std::string_view> names;
  for (const OutcomeKind kind : kKinds) names.push_back(outcome_name(kind));
  CHECK(names == published);
}

TEST_CASE("every outcome has its status", "[response]") {
  CHECK(outcome_status(OutcomeKind::ok) == 200);
  CHECK(outcome_status(OutcomeKind::busy) == 429);
  CHECK(outcome_status(OutcomeKind::rate_limited) == 429);
  CHECK(outcome_status(OutcomeKind::unauthorized) == 401);
  CHECK(outcome_status(OutcomeKind::internal) == 500);
  for (const OutcomeKind kind : {OutcomeKind::invalid_request, OutcomeKind::invalid_script})
    CHECK(outcome_status(kind) == 400);
  for (const OutcomeKind kind :
       {OutcomeKind::invalid_arguments, OutcomeKind::exception, OutcomeKind::not_serializable,
        OutcomeKind::time_limit, OutcomeKind::memory_limit, OutcomeKind::output_limit,
        OutcomeKind::exited, OutcomeKind::killed})
    CHECK(outcome_status(kind) == 422);
}

TEST_CASE("a job that went well has a result and its output", "[response]") {
  const Response response = response_of({.kind = OutcomeKind::ok, .result_json = "[1, 2]"}, "a\n");
  CHECK(response.status == 200);
  CHECK(response.body == R"({"result": [1, 2], "stdout": "a\n"})");
  CHECK(header(response, "Pyexec-Outcome") == Values{"ok"});
}

TEST_CASE("a failed job has an error and its output", "[response]") {
  for (const OutcomeKind kind : kKinds) {
    if (kind == OutcomeKind::ok || kind == OutcomeKind::busy) continue;
    if (kind == OutcomeKind::gone || kind == OutcomeKind::invalid_request) continue;
    if (kind == OutcomeKind::unknown_template) continue;
    const Response response =
        response_of({.kind = kind, .result_json = "1", .error = "say \"no\""}, "seen");
    CHECK(response.status == outcome_status(kind));
    CHECK(response.body == R"({"error": "say \"no\"", "stdout": "seen"})");
    CHECK(header(response, "Pyexec-Outcome") == Values{std::string(outcome_name(kind))});
  }
}

TEST_CASE("a cell has its place in its session, and one that never began an error alone",
          "[response]") {
  Outcome outcome = {.kind = OutcomeKind::ok, .result_json = "1"};
  outcome.place = CellPlace{3, 3};
  CHECK(response_of(outcome).body == R"({"result": 1, "cell": 3, "head": 3, "stdout": ""})");
  outcome = {.kind = OutcomeKind::killed, .error = "e"};
  outcome.place = CellPlace{4, 3};
  CHECK(response_of(outcome).body == R"({"error": "e", "cell": 4, "head": 3, "stdout": ""})");
  for (const OutcomeKind kind : {OutcomeKind::gone, OutcomeKind::invalid_request})
    CHECK(response_of({.kind = kind, .error = "e"}).body == R"({"error": "e"})");
}

TEST_CASE("a job that got no worker has an error alone, and when to try again", "[response]") {
  const Response response = response_of({.kind = OutcomeKind::busy, .error = "later"});
  CHECK(response.body == R"({"error": "later"})");
  CHECK(header(response, "Retry-After") == Values{"1"});
}

TEST_CASE("a job that printed nothing has an empty output", "[response]") {
  CHECK(response_of({.kind = OutcomeKind::ok, .result_json = "null"}).body ==
        R"({"result": null, "stdout": ""})");
  CHECK(response_of({.kind = OutcomeKind::killed}).body == R"({"error": "", "stdout": ""})");
}

TEST_CASE("output that was cut is marked, good or failed", "[response]") {
  CHECK(response_of({.kind = OutcomeKind::ok, .result_json = "{}"}, "ab", 1).body ==
        R"({"result": {}, "stdout": "a", "stdout_truncated": true})");
  CHECK(response_of({.kind = OutcomeKind::time_limit, .error = "late"}, "ab", 1).body ==
        R"({"error": "late", "stdout": "a", "stdout_truncated": true})");
}

TEST_CASE("output that is not UTF-8 has replacement characters", "[response]") {
  const Response response =
      response_of({.kind = OutcomeKind::ok, .result_json = "1"}, "a\xff\xe2\x82z");
  CHECK(response.body == "{\"result\": 1, \"stdout\": \"a\ufffd\ufffdz\"}");
}

TEST_CASE("any output byte gives a body of valid JSON", "[response]") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(2, static_cast<char>(byte));
    const Response response = response_of({.kind = OutcomeKind::ok, .result_json = "1"}, bytes);
    const auto checked = reserialise(response.body, 1);
    REQUIRE(checked.has_value());
    CHECK(*checked == response.body);
  }
}

TEST_CASE("a result is put into the body as it stands", "[response]") {
  const std::string digits(400, '7');
  CHECK(response_of({.kind = OutcomeKind::ok, .result_json = digits}).body ==
        R"({"result": )" + digits + R"(, "stdout": ""})");
}

TEST_CASE("a verbose answer has all that is known", "[response]") {
  JobRequest request = plain();
  request.detail = AnswerDetail::verbose;
  Outcome outcome = {.kind = OutcomeKind::exception, .error = "e"};
  outcome.error_detail = {"ValueError", "say \"x\"", "trace", 3, std::nullopt, "a\nb", 2};
  outcome.usage = {1'500'000, 2'000'999, 4'000'000, 5'000'000, std::nullopt, 7, 9};
  CHECK(
      response_of(outcome, "abc", 2, request).body ==
      R"({"error": "e", "stdout": "ab", "stdout_truncated": true, "stderr": "ab", )"
      R"("stderr_truncated": true, "error_detail": {"type": "ValueError", )"
      R"("message": "say \"x\"", "line": 3, "column": null, "traceback": "trace", )"
      R"("source": "a\nb", "source_start_line": 2}, "usage": {"queue_ms": 1.500, "run_ms": 2.000, )"
      R"("total_ms": 4.000, "cpu_ms": 5.000, "peak_memory_bytes": null, "exit_code": 7, )"
      R"("signal": "SIGKILL"}, "limits": {"timeout_ms": 1000, "memory_mb": 64, )"
      R"("output_bytes": 10}, "outcome": "exception"})");
  CHECK(header(response_of(outcome, "", 1, request), "Server-Timing") ==
        Values{"queue;dur=1.500, run;dur=2.001, total;dur=4.000"});
}

TEST_CASE("files are in the answer that asked for some, with size and media type", "[response]") {
  JobRequest request = plain();
  request.job.options.return_files = {"*"};
  Outcome outcome = {.kind = OutcomeKind::ok, .result_json = "1"};
  CHECK(response_of(outcome, "", 1, request).body == R"({"result": 1, "stdout": "", "files": {}})");
  outcome.files = {{"a.PNG", std::string("\0\xff", 2)}, {"d/\"e\"", "abc"}};
  CHECK(response_of(outcome, "", 1, request).body ==
        R"({"result": 1, "stdout": "", "files": {"a.PNG": {"base64": "AP8=", "size": 2, )"
        R"("media_type": "image/png"}, "d/\"e\"": {"base64": "YWJj", "size": 3, )"
        R"("media_type": "application/octet-stream"}}})");
  CHECK(response_of(outcome).body == R"({"result": 1, "stdout": ""})");
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
