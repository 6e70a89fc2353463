// Requests for templates, and those that name one: server/job/job_request.h.
#include "server/job/job_request.h"
#include "tests/support/catch.h"
#include "tests/support/job_caps.h"

namespace pyexec {
namespace {

const std::string kName = "sha256:" + std::string(64, 'a');

JobRequest job(const std::string& body) {
  auto request = parse_job(body, test::small_caps());
  REQUIRE(request.has_value());
  return *request;
}
std::string problem_of_job(const std::string& body) {
  const auto request = parse_job(body, test::small_caps());
  REQUIRE_FALSE(request.has_value());
  return request.error().message;
}
std::string problem_of_template(const std::string& body) {
  const auto request = parse_template(body, test::small_caps());
  REQUIRE_FALSE(request.has_value());
  return request.error().message;
}

std::string with_template(const std::string& members) {
  return R"({"template": ")" + kName + "\"" + members + "}";
}

TEST_CASE("a job names its template and what to run there", "[template_request]") {
  const JobRequest called = job(with_template(R"(, "call": "f", "args": [1])"));
  CHECK(called.template_name == kName);
  CHECK(called.job.script == "f");
  CHECK(called.job.args == "[1]");
  CHECK(called.job.options.is_call == 1);
  CHECK(called.job.options.is_cell == 0);
  const JobRequest cell = job(with_template(R"(, "code": "x")"));
  CHECK(cell.job.options.is_cell == 1);
  CHECK(cell.job.options.is_call == 0);
  CHECK(job(with_template(R"(, "script": "x")")).job.options.is_cell == 0);
  CHECK(job(R"({"template": null, "script": "x"})").template_name.empty());
}

TEST_CASE("a name of a template is that of a hash", "[template_request]") {
  CHECK(is_template_name(kName));
  for (const std::string& wrong :
       {std::string(), std::string("sha256:"), kName + "a", kName.substr(0, 70),
        "SHA256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'A'),
        "sha256:" + std::string(63, 'a') + "/"}) {
    CHECK_FALSE(is_template_name(wrong));
    CHECK_THAT(problem_of_job(R"({"code": "1", "template": ")" + wrong + "\"}"),
               test::contains("'template' field must be a name"));
  }
  CHECK(problem_of_job(R"({"code": "1", "template": ["x"]})") ==
        "'template' field must be a string, not an array");
}

TEST_CASE("a call is that of a template's function", "[template_request]") {
  CHECK(problem_of_job(R"({"call": "f"})") ==
        "'call' field names a function of a template, and there is no 'template'");
  CHECK(problem_of_job(with_template("")) == "'script', 'code' or 'call' field is required");
  CHECK(problem_of_job(with_template(R"(, "call": "")")) ==
        "'call' field must be the name of a function, not \"\"");
  CHECK(problem_of_job(with_template(R"(, "call": "f", "script": "x")")) ==
        "a request has one of 'script', 'code' and 'call', not two");
  CHECK(parse_cell(R"({"call": "f"})", test::small_caps())->job.options.is_call == 1);
}

TEST_CASE("lines of a batch take over the template, and what to call", "[template_request]") {
  const JobRequest plain = plain_request(test::small_caps());
  const std::string line =
      R"({"defaults": true, "call": "f", "args": [1], "template": ")" + kName + "\"}";
  const auto defaults = parse_batch_line(line, test::small_caps(), plain);
  REQUIRE(defaults.has_value());
  const auto called = parse_batch_line(R"({"args": [2]})", test::small_caps(), *defaults);
  REQUIRE(called.has_value());
  CHECK(called->template_name == kName);
  CHECK(called->job.options.is_call == 1);
  CHECK(called->job.script == "f");
  CHECK(called->job.args == "[2]");
  for (const char* other : {R"({"code": "x", "return_files": ["a"]})", R"({"script": "x"})"}) {
    const auto own = parse_batch_line(other, test::small_caps(), *defaults);
    REQUIRE(own.has_value());
    CHECK(own->job.options.is_call == 0);
    CHECK(own->template_name == kName);
  }
  const auto without =
      parse_batch_line(R"({"defaults": true, "call": "f"})", test::small_caps(), plain);
  REQUIRE(without.has_value());
  CHECK_FALSE(parse_batch_line("{}", test::small_caps(), *without).has_value());
}

TEST_CASE("a template's set-up", "[template_request]") {
  const auto setup = parse_template(
      R"({"code": "def main(): pass", "files": {"a": "b"}, "memory_mb": 6})", test::small_caps());
  REQUIRE(setup.has_value());
  CHECK(setup->job.options.is_cell == 1);
  CHECK(setup->job.files.size() == 1);
  CHECK(setup->job.memory_bytes == 6 << 20);
  CHECK(problem_of_template("{}") == "'code' field is required");
  CHECK(problem_of_template(R"({"code": null})") == "'code' field must be a string, not null");
  CHECK(problem_of_template(R"({"script": "x"})") ==
        "'code' field is required; unknown field 'script', which is for jobs: the set-up of a "
        "template is 'code'");
  CHECK(problem_of_template(R"({"code": "x", "args": [1]})") ==
        "unknown field 'args', which is for jobs: the set-up of a template is 'code'");
  CHECK(problem_of_template(with_template(R"(, "code": "x")")) ==
        "unknown field 'template', which is for jobs: the set-up of a template is 'code'");
}

TEST_CASE("a session begins with a template, and a cell does not", "[template_request]") {
  const auto session = parse_session(with_template(""), test::small_caps(), 600);
  REQUIRE(session.has_value());
  CHECK(session->template_name == kName);
  CHECK(parse_cell(with_template(R"(, "code": "x")"), test::small_caps()).error().message ==
        "unknown field 'template', which is for a new session");
}

}  // namespace
}  // namespace pyexec
