#include "client/json_line.h"

#include <vector>

#include "client/lines.h"
#include "tests/support/catch.h"

namespace pyexec::client {
namespace {

TEST_CASE("lines are the same whatever the pieces they come in", "[json_line]") {
  const std::string text = "one\n\n three \r\nfour\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Lines lines;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += size) {
      lines.push(text.substr(at, size));
      while (const auto line = lines.next()) found.emplace_back(*line);
    }
    CHECK(found == std::vector<std::string>{"one", "", " three \r", "four"});
    CHECK(lines.rest() == "rest");
  }
}

TEST_CASE("a line with defaults says so in its outermost object", "[json_line]") {
  CHECK(is_defaults_line(R"({"script": "x", "defaults": true})"));
  CHECK(is_defaults_line(R"( {"args": [{"defaults": 1}], "def\u0061ults":true} )"));
  for (const char* line :
       {R"({"defaults": false})", R"({"defaults": "true"})", R"({"defaults": 1})",
        R"({"args": {"defaults": true}})", R"([{"defaults": true}])", "true", "",
        R"({"defaults": true)", R"({"defaults": true} x)"})
    CHECK_FALSE(is_defaults_line(line));
}

TEST_CASE("ids are the same if the service takes them for the same", "[json_line]") {
  CHECK(id_of_line(R"({"id": "a"})") == id_of_line(R"({"x": [1], "id":"\u0061"})"));
  CHECK(id_of_line(R"({"id": 1})") == id_of_line(R"({"id":1 })"));
  CHECK(id_of_line(R"({"id": 1})") != id_of_line(R"({"id": "1"})"));
  CHECK(id_of_line(R"({"id": ""})"));
  CHECK(id_of_line(R"({"id": 123456789012345678901234567890})") ==
        "123456789012345678901234567890");
}

TEST_CASE("what the service would not take is no id", "[json_line]") {
  for (const std::string& line :
       {std::string(R"({"id": null})"), std::string(R"({"id": 1.5})"),
        std::string(R"({"id": 1e3})"), std::string(R"({"id": ["a"]})"),
        std::string(R"({"args": {"id": 1}})"), std::string("{}"), std::string("nonsense"),
        R"({"id": ")" + std::string(257, 'x') + "\"}"})
    CHECK_FALSE(id_of_line(line));
  CHECK(id_of_line(R"({"id": ")" + std::string(256, 'x') + "\"}"));
}

TEST_CASE("an answer keeps every byte but its index", "[json_line]") {
  const std::string line =
      R"({"id": "\u00e9", "result": {"index": 7, "x": [1.0, 1E5]}, "index": 12, "outcome": "ok" })";
  const auto answer = read_answer_line(line);
  REQUIRE(answer);
  CHECK(answer->what == AnswerLine::What::answer);
  CHECK(answer->index == 12);
  CHECK(answer->outcome == "ok");
  CHECK(
      with_index(line, *answer, 3000) ==
      R"({"id": "\u00e9", "result": {"index": 7, "x": [1.0, 1E5]}, "index": 3000, "outcome": "ok" })");
}

TEST_CASE("a result may be nested deeply and have numbers of any size", "[json_line]") {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK(read_answer_line(R"({"index": 0, "outcome": "ok", "result": )" + deep + "}"));
  for (const std::size_t digits : {1, 299, 300, 301, 309, 400, 100'000})
    for (const char* sign : {"", "-"}) {
      const std::string number = sign + std::string(digits, '9');
      const std::string line = R"({"result": [)" + number + "," + number +
                               R"(], "stdout": "\\\"\\", "index": 5, "outcome": "ok"})";
      CAPTURE(digits);
      const auto answer = read_answer_line(line);
      REQUIRE(answer);
      CHECK(with_index(line, *answer, 5) == line);
      CHECK(answer->outcome == "ok");
    }
  const std::string text = R"("\")" + std::string(400, '9') + R"(\"")";
  CHECK(id_of_line(R"({"args": [)" + text + R"(], "id": 7})") == "7");
  CHECK_FALSE(id_of_line(R"({"id": )" + std::string(400, '9') + "}"));
}

TEST_CASE("what is no answer is not taken for one", "[json_line]") {
  for (const char* line :
       {"", "x", "[]", "{}", R"({"index": 1})", R"({"outcome": "ok"})",
        R"({"index": "1", "outcome": "ok"})", R"({"index": -1, "outcome": "ok"})",
        R"({"index": 1.0, "outcome": "ok"})", R"({"index": 1, "outcome": 2})",
        R"({"index": 99999999999999999999999, "outcome": "ok"})", R"({"index": 1, "outcome": "ok")",
        R"({"index": 1, "outcome": "ok"}})"})
    CHECK_FALSE(read_answer_line(line));
}

TEST_CASE("a line of progress is told from an answer", "[json_line]") {
  CHECK(read_answer_line(R"({"progress": {"read": 1}})")->what == AnswerLine::What::progress);
}

TEST_CASE("an error is told in the service's words, another's in its own", "[json_line]") {
  CHECK(error_of(R"({"error": "no\nsuch path"})") == "no\nsuch path");
  CHECK(error_of("<html>\n<body>") == "<html>");
  CHECK(error_of(std::string(1000, 'x')).size() == 200);
  CHECK(error_of("") == "");
}

}  // namespace
}  // namespace pyexec::client
