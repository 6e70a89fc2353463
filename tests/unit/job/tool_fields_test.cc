// The fields `tools` and `tools_style`.
#include <utility>
#include <vector>

#include "tests/support/job_requests.h"

namespace pyexec {
namespace {

using namespace test;

TEST_CASE("tools are names, or objects with a name", "[tool_fields]") {
  const JobRequest request = accepted(
      R"("tools": ["a", {"name": "b_2", "description": "d", "input_schema": {"type": "object"}}])");
  CHECK(request.tools == std::vector<std::string>{"a", "b_2"});
  CHECK(request.job.tools ==
        R"({"style": "sync", "limits": {"call_bytes": 0, "most_calls": 0, "most_at_once": 100}, )"
        R"("tools": ["a",{"name":"b_2","description":"d","input_schema":{"type":"object"}}]})");
  CHECK(accepted(R"("tools": ["a"], "tools_style": "async")")
            .job.tools.starts_with(R"({"style": "async")"));
}

TEST_CASE("no tools are as good as none", "[tool_fields]") {
  for (const char* fields : {R"("tools": [])", R"("tools": null)"}) {
    CHECK(accepted(fields).tools.empty());
    CHECK(accepted(fields).job.tools.empty());
  }
}

TEST_CASE("what is wrong with tools is told", "[tool_fields]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("tools": "a")", "'tools' field must be an array, not a string"},
      {R"("tools": {"a": {"b": 1}, "c": [{"d": 2}]})",
       "'tools' field must be an array, not an object"},
      {R"("tools": [1])", "'tools' entries must be names, or objects with a name, not a number"},
      {R"("tools": [["a"]])",
       "'tools' entries must be names, or objects with a name, not an array"},
      {R"("tools": [{}])", "an entry of 'tools' has no 'name'"},
      {R"("tools": [{"name": 1}])", "'name' of an entry of 'tools' must be a string, not a number"},
      {R"("tools": [{"name": "a", "input_schema": []}])",
       "'input_schema' of an entry of 'tools' must be an object, not an array"},
      {R"("tools": [{"name": "a", "parameters": {}}])",
       "unknown field 'parameters' in an entry of 'tools'; there are name, description and "
       "input_schema"},
      {R"("tools": ["a", {"name": "a"}])", "'tools' entry 'a' is given twice"},
      {R"("tools": ["get-price"])",
       "'tools' entry 'get-price' must be a name of Python: letters, digits and _"},
      {R"("tools": ["1a"])", "'tools' entry '1a' must be a name of Python: letters, digits and _"},
      {R"("tools": [""])", "'tools' entry '' must be a name of Python: letters, digits and _"},
      {R"("tools": ["import"])", "'tools' entry 'import' is a keyword of Python; call it import_"},
      {R"("tools": ["main"])",
       "'tools' entry 'main' means something else in a script; choose another name"},
      {R"("tools_style": "sync")", "'tools_style' field is for 'tools', and there are none"},
      {R"("tools": ["a"], "tools_style": "both")",
       "'tools_style' field must be \"sync\" or \"async\""}};
  for (const auto& [fields, wanted] : cases) CHECK(refused(fields) == wanted);
}

TEST_CASE("tools count as input", "[tool_fields]") {
  const auto request = parse(R"({"script": "x", "tools": [{"name": "a", "description": ")" +
                             std::string(2000, 'x') + R"("}]})");
  REQUIRE_FALSE(request.has_value());
  CHECK(request.error().status == 413);
}

TEST_CASE("a line of a batch, a set-up and a session have no tools", "[tool_fields]") {
  const std::string place =
      "unknown field 'tools', which is for a job of its own, whose caller answers: POST /execute, "
      "or a cell of a session";
  const auto line = parse_batch_line(R"({"script": "x", "tools": ["a"]})", kCaps, {});
  CHECK(line.error().message == place);
  CHECK(parse_session(R"({"tools": ["a"]})", kCaps, 1).error().message == place);
  CHECK(parse_template(R"({"code": "x", "tools": ["a"]})", kCaps).error().message == place);
  CHECK(parse_cell(R"({"code": "x", "tools": ["a"]})", kCaps)->tools.size() == 1);
}

}  // namespace
}  // namespace pyexec
