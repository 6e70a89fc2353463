#include "server/job/form_body.h"

#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kLevels = 5;
const BodyType kForm = {BodyKind::form, "b"};

std::string json_of(std::string_view body, const BodyType& type = kForm) {
  const auto json = as_json(body, type, "script", kLevels);
  return json ? *json : json.error().message;
}

std::string part(const std::string& disposition, const std::string& data) {
  return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + data + "\r\n";
}
const std::string kEnd = "--b--\r\n";

TEST_CASE("the types of bodies", "[form_body]") {
  CHECK(body_type("application/json; charset=utf-8")->kind == BodyKind::json);
  CHECK(body_type("Text/X-Python")->kind == BodyKind::python);
  CHECK(body_type("multipart/form-data; boundary=x-1")->boundary == "x-1");
  CHECK(body_type("multipart/form-data; charset=x; boundary=\"a b\"")->boundary == "a b");
  CHECK(body_type("multipart/form-data")->boundary.empty());
  for (const char* other :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed"})
    CHECK_FALSE(body_type(other));
}

TEST_CASE("a script alone becomes the field that it is for", "[form_body]") {
  const BodyType python = {BodyKind::python, ""};
  CHECK(json_of("def main():\n  \"x\"", python) == "{\"script\": \"def main():\\n  \\\"x\\\"\"}");
  CHECK(as_json("1", python, "code", kLevels).value() == "{\"code\": \"1\"}");
  CHECK(json_of("\xff", python) == "the script is not UTF-8");
}

TEST_CASE("each part of a form is a field", "[form_body]") {
  const std::string body = part("name=\"script\"; filename=\"a.py\"", "def main(x): return x\r\n") +
                           part("name=args", "[1, 2.5]") + part("name=stdin", "null") +
                           part("name=verbose", "true") + part("name=\"return_files\"", "*.png") +
                           part("name=\"return_files\"", "a\"b") + kEnd;
  CHECK(json_of(body) ==
        R"({"script": "def main(x): return x\r\n", "args": [1, 2.5], "stdin": "null", )"
        R"("verbose": true, "return_files": ["*.png", "a\"b"]})");
}

TEST_CASE("files have their own names, and any bytes", "[form_body]") {
  const std::string body =
      part("name=\"file\"; filename=\"a \\\"b\\\".csv\"", std::string("\0\xff", 2)) +
      part("filename=x; name=file", "") + kEnd;
  CHECK(json_of(body) == R"({"files": {"a \"b\".csv": {"base64": "AP8="}, "x": {"base64": ""}}})");
}

TEST_CASE("what stands before the first boundary and after the last is not looked at",
          "[form_body]") {
  CHECK(json_of("before\r\n" + part("name=code", "1") + kEnd + "after") == R"({"code": "1"})");
  CHECK(json_of("--b--") == "{}");
}

TEST_CASE("what is wrong with a form is told", "[form_body]") {
  const std::string form = "the form is malformed: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", form + "it has no part"},
      {"--b", form + "a boundary is not alone on its line"},
      {"--bb\r\n", form + "a boundary is not alone on its line"},
      {"--b\r\n\r\n1\r\n" + kEnd, form + "a part has no Content-Disposition with a name"},
      {"--b\r\nContent-Disposition: form-data; name=x",
       form + "a part has no Content-Disposition with a name"},
      {part("filename=x", "1") + kEnd, form + "a part has no Content-Disposition with a name"},
      {part("name=code", "1"), form + "its last boundary is missing"},
      {part("name=file", "1") + kEnd, "the part 'file' has no file name: -F file=@NAME has one"},
      {part("name=sales; filename=x", "1") + kEnd,
       "the part 'sales' is a file: name it \"file\" to have it in the working directory"},
      {part("name=script", "\xff") + kEnd, "the part 'script' is not UTF-8"}};
  for (const auto& [body, why] : cases) {
    CAPTURE(body);
    CHECK(json_of(body) == why);
  }
  CHECK(json_of(kEnd, {BodyKind::form, ""}) ==
        form + "its Content-Type has no boundary of 1 to 70 characters");
  CHECK_THAT(json_of(part("name=args", "[1") + kEnd),
             test::contains("the part 'args' has to be JSON: "));
  CHECK_THAT(json_of(part("name=args", "[[[[[[1]]]]]]") + kEnd),
             test::contains("the part 'args' has to be JSON: "));
}

TEST_CASE("no part can add members to another", "[form_body]") {
  CHECK_THAT(json_of(part("name=args", "[], \"timeout_ms\": 1") + kEnd),
             test::contains("has to be JSON"));
  CHECK(json_of(part("name=\"a\\\": 1, \\\"b\"", "2") + kEnd) == "there is no field 'a\": 1, \"b'");
}

TEST_CASE("a form has at most 1000 parts", "[form_body]") {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += part("name=return_files", "x");
  CHECK_THAT(json_of(body + kEnd), test::contains("return_files"));
  CHECK(json_of(body + part("name=code", "1") + kEnd) ==
        "the form is malformed: it has more than 1000 parts");
}

}  // namespace
}  // namespace pyexec
