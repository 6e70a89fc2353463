// Requests with `code` instead of `script`.
#include "server/job/cell_source.h"
#include "server/job/job_defaults.h"
#include "server/job/job_request.h"
#include "tests/support/catch.h"
#include "tests/support/job_caps.h"

namespace pyexec {
namespace {

BadRequest refused(std::string_view body) {
  const auto parsed = parse_job(body, test::small_caps());
  REQUIRE(!parsed.has_value());
  return parsed.error();
}

Job line(std::string_view text, std::string_view defaults) {
  const JobCaps limits = test::small_caps();
  const auto first = parse_batch_line(defaults, limits, plain_request(limits));
  REQUIRE(first.has_value());
  const auto parsed = parse_batch_line(text, limits, *first);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed.has_value());
  return parsed->job;
}

}  // namespace

TEST_CASE("code is a cell, and script is none", "[cell]") {
  const auto cell = parse_job(R"({"code": "\ufeff1 + 1"})", test::small_caps());
  REQUIRE(cell.has_value());
  CHECK(cell->job.script == "1 + 1");
  CHECK(cell->job.options.is_cell == 1);
  const auto script = parse_job(R"({"script": "x", "code": null})", test::small_caps());
  REQUIRE(script.has_value());
  CHECK(script->job.options.is_cell == 0);
  CHECK(parse_job(R"({"code": ""})", test::small_caps()).has_value());
}

TEST_CASE("both, or arguments for a main() that is not there, are refused", "[cell]") {
  CHECK(refused(R"({"script": "x", "code": "y"})").message ==
        "a request has 'script' or 'code', not both");
  CHECK(refused(R"({"code": "y", "args": [1]})").message ==
        "'args' field is for main() of a 'script', and this is 'code'");
  CHECK(parse_job(R"({"code": "y", "args": null})", test::small_caps()).has_value());
  CHECK(refused(R"({"code": 3})").message == "'code' field must be a string, not a number");
  CHECK(refused(R"({"code": null})").message == "'code' field must be a string, not null");
  CHECK(refused(R"({"code": ")" + std::string(101, 'x') + "\"}").message ==
        "code is 101 bytes, more than the limit of 100");
  CHECK(refused(R"({"snippet": "x"})").message ==
        "'script' field is required; unknown field 'snippet'; did you mean 'code'?");
}

TEST_CASE("neither is refused with the contract's words, and both names beside them", "[cell]") {
  CHECK(refused("{}").message == "'script' field is required");
  CHECK(refused("{}").hint == "'script' has a function main(); 'code' needs none");
}

TEST_CASE("code that only defines main() is a script in the wrong field", "[cell]") {
  const BadRequest problem = refused(R"({"code": "def main(): return {\"a\": 1}"})");
  CHECK(problem.message == "'script' field is required");
  CHECK(problem.hint ==
        "this 'code' only defines main(), which nothing calls: send it as 'script', or call main() "
        "in its last line");
  for (const char* code :
       {"def main():\n  return 1\n", "# says\n\ndef main ( ) :\r\n\treturn 1\r\n# end\n",
        "async  def main():\n\n    return 1", "def main(): pass"})
    CHECK(only_defines_main(code));
  for (const char* code :
       {"", "\n# x\n", "def main():\n  return 1\nmain()", "def main2(): pass", "def main: pass",
        "x = 1\ndef main(): pass", "def other(): pass", "defmain(): pass", "main()", "async main()",
        " def main(): pass", "def main(): pass\ndef other(): pass"})
    CHECK(!only_defines_main(code));
}

TEST_CASE("a line's own source replaces that of the defaults, of either kind", "[cell]") {
  const char* const script = R"({"defaults": true, "script": "s"})";
  const char* const code = R"({"defaults": true, "code": "c"})";
  CHECK(line("{}", script).options.is_cell == 0);
  CHECK(line("{}", code).options.is_cell == 1);
  CHECK(line("{}", code).script == "c");
  CHECK(line(R"({"code": "d"})", script).options.is_cell == 1);
  CHECK(line(R"({"code": "d"})", script).script == "d");
  CHECK(line(R"({"script": "d"})", code).options.is_cell == 0);
  CHECK(line(R"({"script": "d", "return_files": ["*"]})", code).options.is_cell == 0);
  CHECK(line(R"({"return_files": ["*"]})", code).options.is_cell == 1);
  const char* const with_args = R"({"defaults": true, "script": "s", "args": [1]})";
  CHECK(line("{}", with_args).args == "[1]");
  CHECK(line(R"({"code": "d"})", with_args).args.empty());
  CHECK(line("{}", R"({"defaults": true, "code": ""})").options.is_cell == 1);
}

}  // namespace pyexec
