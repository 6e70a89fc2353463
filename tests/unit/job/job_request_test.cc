// The body, and the script in it.
#include <utility>
#include <vector>

#include "tests/support/job_requests.h"

namespace pyexec {
namespace {

using namespace test;

TEST_CASE("a body with a script is a job", "[job_request]") {
  CHECK(script_of(R"({"script": "def main(): return 1"})") == "def main(): return 1");
  CHECK(script_of(R"({"script":""})").empty());
  CHECK(script_of(" \t\r\n{ \"script\" :\n\"x\" } \n") == "x");
}

TEST_CASE("a field name may be written with escapes", "[job_request]") {
  CHECK(script_of(R"({"\u0073cript": "x"})") == "x");
}

TEST_CASE("a script may hold escapes of every kind, NUL included", "[job_request]") {
  CHECK(script_of(R"({"script": "\"\\\/\b\f\n\r\t\u0041\u0000z"})") ==
        std::string("\"\\/\b\f\n\r\tA\0z", 11));
}

TEST_CASE("escaped and raw UTF-8 are the same script", "[job_request]") {
  const std::string raw = "\u00e9\u20ac\U0001F600\u2028";
  CHECK(script_of("{\"script\": \"" + raw + "\"}") == raw);
  CHECK(script_of(R"({"script": "\u00e9\u20AC\ud83d\ude00\u2028"})") == raw);
}

TEST_CASE("a body without a script is told so", "[job_request]") {
  for (const char* body : {"{}", R"({"a": 1})", R"({"": "x"})"})
    CHECK(refusal(body) == "'script' field is required");
}

TEST_CASE("a body that is not an object is told so", "[job_request]") {
  for (const char* body : {"[]", R"(["script", "x"])", R"("x")", "3", "-1.5e3", "null", "true",
                           "false", R"([{"script": "x"}])"})
    CHECK(refusal(body) == "request body must be a JSON object");
}

TEST_CASE("a script of a wrong type is named with its type", "[job_request]") {
  const std::vector<std::pair<std::string, std::string>> types = {
      {"null", "null"},
      {"true", "a boolean"},
      {"false", "a boolean"},
      {"3", "a number"},
      {"-7", "a number"},
      {"1.5", "a number"},
      {"1e9", "a number"},
      {"[]", "an array"},
      {"[\"x\"]", "an array"},
      {"{}", "an object"},
      {R"({"script": "x"})", "an object"},
      {"18446744073709551616", "a number"}};
  for (const auto& [value, name] : types)
    CHECK(refusal(R"({"script": )" + value + "}") ==
          "'script' field must be a string, not " + name);
}

TEST_CASE("a script given twice is refused", "[job_request]") {
  CHECK(refusal(R"({"script": "x", "script": "y"})") == "'script' field is given twice");
  CHECK(refusal(R"({"script": "x", "script": "x"})") == "'script' field is given twice");
  CHECK(refusal(R"({"script": "x", "\u0073cript": "y"})") == "'script' field is given twice");
  CHECK(refusal(R"({"script": "x", "script": 3})") == "'script' field is given twice");
  CHECK(refusal(R"({"script": 3, "script": "x"})") != "accepted");
}

TEST_CASE("an unknown field is named", "[job_request]") {
  CHECK(refusal(R"({"script": "x", "scirpt": "y"})") ==
        "unknown field 'scirpt'; did you mean 'script'?");
  CHECK(refusal(R"({"timeout": 5, "script": "x"})") ==
        "unknown field 'timeout'; did you mean 'timeout_ms'?");
  CHECK(refusal(R"({"script": "x", "": 1})") == "unknown field ''");
}

TEST_CASE("the first of several unknown fields is named", "[job_request]") {
  CHECK(refusal(R"({"a": 1, "script": "x", "b": 2})") == "unknown field 'a'");
}

TEST_CASE("a missing script is reported before an unknown field", "[job_request]") {
  CHECK(refusal(R"({"b": 5})") == "'script' field is required");
}

TEST_CASE("a wrong script is reported before an unknown field", "[job_request]") {
  CHECK(refusal(R"({"a": 1, "script": 3})") == "'script' field must be a string, not a number");
  CHECK(refusal(R"({"script": "x", "a": 1, "script": "y"})") == "'script' field is given twice");
}

TEST_CASE("a script inside another object does not count", "[job_request]") {
  CHECK(refusal(R"({"a": {"script": "x"}})") == "'script' field is required");
  CHECK(refusal(R"({"a": [{"script": "x"}]})") == "'script' field is required");
  CHECK(refusal(R"({"script": "x", "a": {"script": "y"}})") == "unknown field 'a'");
  CHECK(refusal(R"({"script": "x", "a": {"b": 1}})") == "unknown field 'a'");
}

TEST_CASE("malformed JSON is refused with the byte where it breaks", "[job_request]") {
  const std::vector<std::pair<std::string, int>> bodies = {
      {"", 0},      {"{", 1},        {"x", 0},        {"{script: 1}", 1}, {R"({"a" 1})", 5},
      {"{} {}", 3}, {"// x\n{}", 0}, {"{'a': 1}", 1}, {"nul", 3}};
  for (const auto& [body, byte] : bodies) {
    CAPTURE(body);
    CHECK_THAT(refusal(body), test::contains("invalid JSON at byte " + std::to_string(byte) + ":"));
  }
}

TEST_CASE("JSON with trailing commas or loose values is refused", "[job_request]") {
  for (const char* body : {R"({"script": "x",})", R"({"script": })", R"({"script": 'x'})",
                           R"({"script": NaN})", R"({"script": "x"}x)", R"({"script": "x)",
                           R"({"script": "x"]})", "{\"script\": \"a\nb\"}"}) {
    CAPTURE(body);
    CHECK_THAT(refusal(body), test::contains("invalid JSON at byte"));
  }
}

TEST_CASE("a body cut at any byte is refused", "[job_request]") {
  const std::string body = R"({"script": "\u00e9\n"})";
  for (std::size_t size = 0; size < body.size(); ++size)
    CHECK_THAT(refusal(body.substr(0, size)), test::contains("invalid JSON at byte"));
}

TEST_CASE("a body that is not UTF-8 is refused", "[job_request]") {
  for (const std::string bytes : {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82",
                                  "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80"}) {
    CAPTURE(bytes);
    CHECK_THAT(refusal("{\"script\": \"" + bytes + "\"}"), test::contains("invalid JSON at byte"));
    CHECK_THAT(refusal("{\"script\": \"x\", \"" + bytes + "\": 1}"),
               test::contains("invalid JSON at byte"));
  }
}

TEST_CASE("a NUL byte anywhere in a body is refused where it stands", "[job_request]") {
  const std::string body = R"({"script": "x"} )";
  for (std::size_t i = 0; i <= body.size(); ++i) {
    std::string with_nul = body;
    with_nul.insert(i, 1, '\0');
    CHECK_THAT(refusal(with_nul),
               test::contains("invalid JSON at byte " + std::to_string(i) + ": a NUL"));
  }
}

TEST_CASE("a byte order mark before a body or a script is passed over", "[job_request]") {
  CHECK(script_of("\xef\xbb\xbf{\"script\": \"x\"}") == "x");
  CHECK(script_of("{\"script\": \"\xef\xbb\xbfx\ufeff\"}") == "x\ufeff");
  CHECK(script_of(R"({"script": "\ufeffx"})") == "x");
  for (const char* body : {"\xef\xbb\xbf", "\xef\xbb{}", "{\xef\xbb\xbf}"})
    CHECK_THAT(refusal(body), test::contains("invalid JSON at byte"));
}

TEST_CASE("a script or name with half a surrogate pair is refused", "[job_request]") {
  for (const char* body : {R"({"script": "\ud800"})", R"({"script": "\udbffx"})",
                           R"({"script": "\ud800\ud800"})", R"({"script": "x", "\ud800": 1})"}) {
    CAPTURE(body);
    CHECK_THAT(refusal(body), test::contains("invalid JSON at byte"));
  }
}

TEST_CASE("a script or name with the other half alone is refused", "[job_request]") {
  for (const char* body :
       {R"({"script": "\udc00"})", R"({"script": "x\udfff"})",
        R"({"script": "\ud83d\ude00\ude00"})", R"({"script": "x", "\udc00": 1})"}) {
    CAPTURE(body);
    CHECK_THAT(refusal(body), test::contains("invalid JSON at byte"));
  }
}

TEST_CASE("a script of exactly the cap is taken and one byte more is 413", "[job_request]") {
  const std::string largest(kCaps.script_bytes, 'x');
  CHECK(script_of("{\"script\": \"" + largest + "\"}") == largest);
  const auto job = parse("{\"script\": \"" + largest + "x\"}");
  REQUIRE(job.has_error());
  CHECK(job.error().status == 413);
  CHECK_THAT(job.error().message, test::contains(std::to_string(kCaps.script_bytes)));
  CHECK_THAT(job.error().message, test::contains(std::to_string(kCaps.script_bytes + 1)));
}

TEST_CASE("the cap counts the bytes of the script, not of its escapes", "[job_request]") {
  std::string escaped, script;
  for (std::uint64_t i = 0; i < kCaps.script_bytes / 2; ++i) {
    escaped += R"(\u00e9)";
    script += "\u00e9";
  }
  CHECK(script_of("{\"script\": \"" + escaped + "\"}") == script);
  CHECK(parse("{\"script\": \"" + escaped + "\\u0061\"}").error().status == 413);
}

TEST_CASE("a body of the largest script, all escaped, fits the body cap", "[job_request]") {
  std::string body = "{\"script\": \"";
  for (std::uint64_t i = 0; i < kCaps.script_bytes; ++i) body += R"(\u0000)";
  body += "\"}";
  CHECK(body.size() <= largest_body_bytes(kCaps));
  CHECK(script_of(body) == std::string(kCaps.script_bytes, '\0'));
}

TEST_CASE("an unknown field beside a script beyond the cap is a 400", "[job_request]") {
  const std::string large(kCaps.script_bytes + 1, 'x');
  CHECK(refusal("{\"a\": 1, \"script\": \"" + large + "\"}") == "unknown field 'a'");
}

TEST_CASE("a million open brackets do not crash", "[job_request]") {
  constexpr std::size_t kMany = 1'000'000;
  const std::string open(kMany, '['), closed = open + std::string(kMany, ']');
  CHECK_THAT(refusal(R"({"script": "x", "a": )" + open), test::contains("invalid JSON"));
  CHECK(refusal(R"({"script": "x", "a": )" + closed + "}") == "unknown field 'a'");
  CHECK(refusal(closed) == "request body must be a JSON object");
  CHECK_THAT(refusal(open), test::contains("invalid JSON"));
}

TEST_CASE("a million nested objects do not crash", "[job_request]") {
  std::string open, close(1'000'000, '}');
  for (int i = 0; i < 1'000'000; ++i) open += R"({"script":)";
  CHECK_THAT(refusal(open), test::contains("invalid JSON"));
  CHECK(refusal(open + "1" + close) == "'script' field must be a string, not an object");
}

}  // namespace
}  // namespace pyexec
