// Requests for sessions and their cells.
#include "server/job/job_request.h"
#include "tests/support/catch.h"
#include "tests/support/job_caps.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kIdle = 600;

JobRequest cell(std::string_view body) {
  const auto parsed = parse_cell(body, test::small_caps());
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  return *parsed;
}
JobRequest session(std::string_view body) {
  const auto parsed = parse_session(body, test::small_caps(), kIdle);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  return *parsed;
}
std::string problem_of_cell(std::string_view body) {
  const auto parsed = parse_cell(body, test::small_caps());
  return parsed ? "" : parsed.error().message;
}
std::string problem_of_session(std::string_view body) {
  const auto parsed = parse_session(body, test::small_caps(), kIdle);
  return parsed ? "" : parsed.error().message;
}

TEST_CASE("a cell has the fields of a job, and the cell that it goes on from",
          "[session_request]") {
  CHECK_FALSE(cell(R"({"code": "1"})").at);
  CHECK(cell(R"({"code": "1", "at": 0})").at == 0);
  CHECK(cell(R"({"code": "1", "at": 7e0})").at == 7);
  CHECK_FALSE(cell(R"({"code": "1", "at": null})").at);
  CHECK(cell(R"({"script": "x", "args": [1], "at": 3})").job.options.is_cell == 0);
  CHECK(cell(R"({"code": "def main(): return 1"})").job.options.is_cell == 1);
}

TEST_CASE("a cell that names no other is refused", "[session_request]") {
  for (const char* at : {"-1", "1.5", "1e40", "\"1\"", "true", "[0]"})
    CHECK_THAT(problem_of_cell(std::string(R"({"code": "1", "at": )") + at + "}"),
               test::contains("'at' field must be"));
  CHECK(problem_of_cell(R"({"at": 1})") == "'script', 'code' or 'call' field is required");
  CHECK(problem_of_cell(R"({"code": "1", "idle_s": 1})") ==
        "unknown field 'idle_s', which is for a new session");
  CHECK(problem_of_cell(R"({"code": "1", "id": 1})") ==
        "unknown field 'id', which is for lines of a batch");
}

TEST_CASE("all of a session's set-up may be left out", "[session_request]") {
  const JobRequest plain = session("{}");
  CHECK(plain.job.script.empty());
  CHECK(plain.job.options.is_cell == 1);
  CHECK(plain.idle_s == kIdle);
  const JobRequest full = session(
      R"({"code": "x", "files": {"a": "b"}, "timeout_ms": 5, "memory_mb": 6, "idle_s": 7})");
  CHECK(full.job.script == "x");
  CHECK(full.job.files.size() == 1);
  CHECK(full.timeout_ms == 5);
  CHECK(full.job.memory_bytes == 6 << 20);
  CHECK(full.idle_s == 7);
}

TEST_CASE("what is no set-up of a session is refused", "[session_request]") {
  CHECK(problem_of_session(R"({"script": "x"})") ==
        "unknown field 'script', which is for jobs: the set-up of a session is 'code'");
  CHECK_THAT(problem_of_session(R"({"idle_s": 601})"),
             test::contains("more than the limit of 600"));
  CHECK_THAT(problem_of_session(R"({"idle_s": 0})"), test::contains("'idle_s'"));
  CHECK(problem_of_session(R"({"at": 1})") ==
        "unknown field 'at', which is for cells of a session");
}

TEST_CASE("other requests have neither", "[session_request]") {
  CHECK(parse_job(R"({"code": "1", "at": 1})", test::small_caps()).error().message ==
        "unknown field 'at', which is for cells of a session");
  CHECK(parse_job(R"({"code": "1", "idle_s": 1})", test::small_caps()).error().message ==
        "unknown field 'idle_s', which is for a new session");
}

}  // namespace
}  // namespace pyexec
