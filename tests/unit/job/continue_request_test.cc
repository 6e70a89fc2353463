#include "server/job/continue_request.h"

#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/job_caps.h"

namespace pyexec {
namespace {

JobCaps caps() {
  JobCaps caps = test::small_caps();
  caps.call_bytes = 100;
  caps.result_depth = 3;
  return caps;
}

std::string refusal(std::string_view body) {
  const auto request = parse_continue(body, caps());
  return request ? "accepted" : request.error().message;
}

TEST_CASE("answers come as they were sent", "[continue_request]") {
  const auto request = parse_continue(
      R"({"results": [{"id": 2, "result": {"a": [1e300, 123456789012345678901234567890]}},
                      {"error": "no \u00e9", "id": 1}, {"id": 3.0, "result": null}],
          "continue": "token"})",
      caps());
  REQUIRE(request.has_value());
  CHECK(request->token == "token");
  const std::vector<ToolAnswer> wanted = {{2, 0, R"({"a":[1e300,123456789012345678901234567890]})"},
                                          {1, 1, "no \u00e9"},
                                          {3, 0, "null"}};
  CHECK(request->answers == wanted);
}

TEST_CASE("what is wrong with answers is told", "[continue_request]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "request body must be a JSON object"},
      {R"({"results": [{"id": 1, "result": 1}]})",
       "'continue' field is required: the token that came with the calls"},
      {R"({"continue": "t"})", R"('results' field is required: [{"id": ..., "result": ...}])"},
      {R"({"continue": "t", "results": []})", "'results' is empty"},
      {R"({"continue": 1, "results": []})", "'continue' field must be a string, not a number"},
      {R"({"continue": "t", "results": {}})", "'results' field must be an array, not an object"},
      {R"({"continue": "t", "results": [1]})", "'results' entries must be objects, not a number"},
      {R"({"continue": "t", "results": [{"result": 1}]})", "an entry of 'results' has no 'id'"},
      {R"({"continue": "t", "results": [{"id": "1", "result": 1}]})",
       "'id' of an entry of 'results' must be that of a call"},
      {R"({"continue": "t", "results": [{"id": 1}]})",
       "the entry of 'results' for call 1 has to have either 'result' or 'error'"},
      {R"({"continue": "t", "results": [{"id": 1, "result": 1, "error": "x"}]})",
       "the entry of 'results' for call 1 has to have either 'result' or 'error'"},
      {R"({"continue": "t", "results": [{"id": 1, "error": {}}]})",
       "'error' of an entry of 'results' must be a string, not an object"},
      {R"({"continue": "t", "results": [{"id": 1, "value": {}}]})",
       "unknown field 'value' in an entry of 'results'"},
      {R"({"continue": "t", "results": [{"id": 1, "result": 1}, {"id": 1, "error": "x"}]})",
       "'results' has two entries for call 1"},
      {R"({"continue": "t", "results": [{"id": 1, "result": [[[[1]]]]}]})",
       "'results' is nested deeper than the limit of 3 levels"},
      {R"({"continue": "t", "token": 1, "results": [{"id": 1, "result": 1}]})",
       "unknown field 'token'"},
      {R"({"continue": "t", "continue": "t", "results": [{"id": 1, "result": 1}]})",
       "'continue' field is given twice"}};
  for (const auto& [body, wanted] : cases) CHECK(refusal(body) == wanted);
}

TEST_CASE("answers of more bytes than the limit are refused", "[continue_request]") {
  const auto body = [](std::size_t size) {
    return R"({"continue": "t", "results": [{"id": 1, "error": ")" + std::string(size, 'x') +
           R"("}]})";
  };
  CHECK(refusal(body(100)) == "accepted");
  const auto refused = parse_continue(body(101), caps());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().status == 413);
  CHECK(refused.error().message == "results are 101 bytes together, more than the limit of 100");
}

}  // namespace
}  // namespace pyexec
