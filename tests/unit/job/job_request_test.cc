#include "server/job/job_request.h"

#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

const JobCaps kCaps = {.script_bytes = 1000,
                       .input_bytes = 2000,
                       .args_depth = 5,
                       .timeout_ms = 30000,
                       .memory_mb = 1024,
                       .output_bytes = 4096,
                       .env_names = "TZ,JOB_*"};

boost::system::result<JobRequest, BadRequest> parse(std::string_view body) {
  return parse_job(body, kCaps);
}
std::string script_of(std::string_view body) {
  const auto job = parse(body);
  return job ? job->job.script : "refused: " + job.error().message;
}
// The message of a refusal with status 400.
std::string refusal(std::string_view body) {
  const auto job = parse(body);
  if (job) return "accepted";
  return job.error().status == 400 ? job.error().message : "not 400: " + job.error().message;
}

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
  for (const char* body : {"{}", R"({"a": 1})", R"({"": "x"})", R"({"code": "x"})"})
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

// What became of `{"script": "x", <fields>}`.
JobRequest accepted(const std::string& fields) {
  const auto job = parse(R"({"script": "x", )" + fields + "}");
  INFO(fields);
  REQUIRE(job.has_value());
  return *job;
}
std::string refused(const std::string& fields) {
  return refusal(R"({"script": "x", )" + fields + "}");
}

TEST_CASE("a request that asks for nothing gets what the service gives", "[job_request]") {
  const auto request = parse(R"({"script": "x"})");
  REQUIRE(request.has_value());
  CHECK(request->job == Job{"x", "", "", {}, {}, 0});
  CHECK(request->timeout_ms == kCaps.timeout_ms);
  CHECK(request->output_bytes == kCaps.output_bytes);
}

TEST_CASE("args are handed on as they were meant, numbers as they were written", "[job_request]") {
  CHECK(accepted(R"("args": [])").job.args == "[]");
  CHECK(accepted(R"("args": {})").job.args == "{}");
  CHECK(accepted(R"("args" : [ 1, 2.50, -0, 1e300, 123456789012345678901234567890 ])").job.args ==
        "[1,2.50,-0,1e300,123456789012345678901234567890]");
  CHECK(accepted(R"("args": {"a": [true, false, null, {"b": "\u00e9\n\""}], "script": "y"})")
            .job.args == "{\"a\":[true,false,null,{\"b\":\"\u00e9\\n\\\"\"}],\"script\":\"y\"}");
}

TEST_CASE("args that are neither array nor object are named", "[job_request]") {
  for (const auto& [value, type] : std::vector<std::pair<std::string, std::string>>{
           {"1", "a number"}, {"\"x\"", "a string"}, {"true", "a boolean"}})
    CHECK(refused("\"args\": " + value) ==
          "'args' field must be an array or an object, not " + type);
}

TEST_CASE("args may be nested as deep as the cap and no deeper", "[job_request]") {
  CHECK(accepted(R"("args": [[[[[1]]]]])").job.args == "[[[[[1]]]]]");
  CHECK(refused(R"("args": [[[[[[1]]]]]])") ==
        "'args' is nested deeper than the limit of 5 levels");
  CHECK(refused("\"args\": " + std::string(100000, '[') + std::string(100000, ']')) ==
        "'args' is nested deeper than the limit of 5 levels");
  CHECK(accepted(R"("args": [[[[[]]]]])").job.args == "[[[[[]]]]]");
  CHECK(refused(R"("args": [[[[[[]]]]]])") == "'args' is nested deeper than the limit of 5 levels");
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += R"({"a":)";
  CHECK(refused("\"args\": " + objects + "1" + std::string(1000, '}')) ==
        "'args' is nested deeper than the limit of 5 levels");
}

TEST_CASE("stdin is a text", "[job_request]") {
  CHECK(accepted(R"("stdin": "a\u0000\n")").job.stdin_text == std::string("a\0\n", 3));
  CHECK(refused(R"("stdin": 3)") == "'stdin' field must be a string, not a number");
  CHECK(refused(R"("stdin": ["x"])") == "'stdin' field must be a string, not an array");
}

TEST_CASE("files are texts or base64", "[job_request]") {
  const auto files =
      accepted(
          R"("files": {"a.txt": "\u00e9", "d/e/f": "", "b": {"base64": "AP8="}, "c": {"base64": ""}})")
          .job.files;
  CHECK(files ==
        std::vector<NamedBytes>{
            {"a.txt", "\u00e9"}, {"d/e/f", ""}, {"b", std::string("\0\xff", 2)}, {"c", ""}});
  CHECK(accepted(R"("files": {})").job.files.empty());
}

TEST_CASE("a file that is neither text nor base64 is named", "[job_request]") {
  const std::string wanted = "'files' entry 'f' must be a string or {\"base64\": \"...\"}";
  for (const char* value : {"1", "null", "[]", "[\"x\"]", "{}", "true"})
    CHECK(refused(std::string("\"files\": {\"f\": ") + value + "}") == wanted);
  CHECK(refused(R"("files": ["x"])") == "'files' field must be an object, not an array");
  CHECK(refused(R"("files": "x")") == "'files' field must be an object, not a string");
  CHECK(refused(R"("files": {"f": {"text": "x"}})") == "unknown field 'text' in 'files' entry 'f'");
  for (const char* text :
       {"A", "A===", "AA=A", "AA=", "A A=", "AP8=AP8=", "AP8~", "=", "====", "AP8==", "QUJD="})
    CHECK(refused(std::string(R"("files": {"f": {"base64": ")") + text + "\"}}") ==
          "'base64' of 'files' entry 'f' is not base64");
  CHECK(refused(R"("files": {"f": {"base64": 3}})") ==
        "'base64' of 'files' entry 'f' is not base64");
  CHECK(refused(R"("files": {"f": {"base64": ["AP8="]}})") ==
        "'base64' of 'files' entry 'f' is not base64");
}

TEST_CASE("a file's name stays below the working directory", "[job_request]") {
  for (const auto& [name, problem] : std::vector<std::pair<std::string, std::string>>{
           {"", "is empty"},
           {"/etc/passwd", "is an absolute path"},
           {"../x", "has a part '..'"},
           {"a/../../x", "has a part '..'"},
           {"a/..", "has a part '..'"},
           {"..", "has a part '..'"},
           {".", "has a part '.'"},
           {"a/.", "has a part '.'"},
           {"/./a", "is an absolute path"},
           {"//a", "is an absolute path"},
           {"a/", "has an empty part"},
           {std::string(256, 'x'), "has a part longer than 255 bytes"},
           {std::string(1025, 'x'), "is longer than 1024 bytes"}})
    CHECK(refused("\"files\": {\"" + name + "\": \"\"}") ==
          "name of 'files' entry '" + name.substr(0, 200) + (name.size() > 200 ? "...' " : "' ") +
              problem);
  CHECK_THAT(refused(R"("files": {"a\u0000b": ""})"), test::contains("holds a NUL byte"));
  for (const std::string& name :
       std::vector<std::string>{"a", "..a", "a..", "...", "a/b..c/d", std::string(255, 'x')})
    CHECK(accepted("\"files\": {\"" + name + "\": \"\"}").job.files.at(0).name == name);
}

TEST_CASE("base64 of every length is decoded within its buffer or refused", "[job_request]") {
  for (std::size_t size = 0; size <= 6500; size += size < 200 ? 1 : 61) {
    const auto request =
        parse(R"({"script": "x", "files": {"f": {"base64": ")" + std::string(size, '/') + "\"}}}");
    const bool fits_cap = size * 3 / 4 + 1 <= kCaps.input_bytes;
    CHECK(request.has_value() == (size % 4 != 1 && fits_cap));
    if (request.has_value())
      CHECK(request->job.files[0].bytes == std::string(size * 3 / 4, '\xff'));
  }
}

TEST_CASE("what is wrong many times costs no more than once", "[job_request]") {
  // Each of these took time or memory by the square of its size.
  const std::string name(100'000, 'n');
  std::string pairs, texts;
  for (int i = 0; i < 100'000; ++i) pairs += R"("b":1,)", texts += R"("",)";
  CHECK_THAT(refused("\"files\": {\"" + name + "\": {" + pairs + "\"c\": 1}}"),
             test::contains("unknown field 'b'"));
  CHECK_THAT(refused("\"env\": {\"" + name + "\": 1}, \"files\": [" + texts + "\"\"]"),
             test::contains("'env' entry 'nnn"));
  CHECK_THAT(refused("\"files\": [" + texts + "\"\"], \"env\": [" + texts + "\"\"]"),
             test::contains("'files' field must be an object"));
  CHECK(refused("\"files\": {\"" + name + "\": {" + pairs + "\"c\": 1}}").size() < 1000);
}

TEST_CASE("files that stand in each other's way are named", "[job_request]") {
  CHECK(refused(R"("files": {"a": "", "a": ""})") == "'files' entry 'a' is given twice");
  CHECK(refused(R"("files": {"a/b/c": "", "a-": "", "a": ""})") ==
        "'files' entry 'a' is a file and, for 'a/b/c', a directory");
}

TEST_CASE("env takes the names that are allowed", "[job_request]") {
  CHECK(accepted(R"("env": {"TZ": "UTC", "JOB_": "", "JOB_KEY": "v=\u00e9"})").job.environment ==
        std::vector<NamedBytes>{{"TZ", "UTC"}, {"JOB_", ""}, {"JOB_KEY", "v=\u00e9"}});
  for (const char* name :
       {"LD_PRELOAD", "TZX", "T", "", "xJOB_", "job_a", "JOB_A=B", "*", "TZ,JOB_*"})
    CHECK_THAT(refused(std::string("\"env\": {\"") + name + "\": \"\"}"),
               test::contains("is not one of the allowed names: TZ,JOB_*"));
  CHECK(refused(R"("env": {"TZ": 3})") == "'env' entry 'TZ' must be a string, not a number");
  CHECK(refused(R"("env": {"TZ": {"a": "b"}})") ==
        "'env' entry 'TZ' must be a string, not an object");
  CHECK(refused(R"("env": [])") == "'env' field must be an object, not an array");
  CHECK(refused(R"("env": {"TZ": "a\u0000"})") == "'env' entry 'TZ' holds a NUL byte");
  CHECK(refused(R"("env": {"TZ": "a", "TZ": "b"})") == "'env' entry 'TZ' is given twice");
}

TEST_CASE("a locale is one that every jail has", "[job_request]") {
  const auto with = [](const std::string& name, const std::string& value) {
    JobCaps caps = kCaps;
    caps.env_names = "LANG,LC_*,JOB_*";
    const auto job =
        parse_job(R"({"script": "x", "env": {")" + name + R"(": ")" + value + R"("}})", caps);
    return job ? "taken" : job.error().message;
  };
  for (const char* name : {"LANG", "LC_ALL", "LC_NUMERIC"}) {
    for (const char* value : {"", "C", "POSIX", "C.UTF-8", "C.utf8"})
      CHECK(with(name, value) == "taken");
    for (const char* value : {"de_DE.UTF-8", "c", "C.UTF-8 ", "en_US"})
      CHECK(with(name, value) == std::string("'env' entry '") + name + "' is '" + value +
                                     "', a locale that is not there: there are C, C.UTF-8 and "
                                     "POSIX");
  }
  CHECK(with("JOB_LANG", "de_DE.UTF-8") == "taken");
}

TEST_CASE("nan is one of two words", "[job_request]") {
  const auto is_null = [](const std::string& field) {
    return parse(R"({"script": "x")" + field + "}")->job.options.nan_is_null;
  };
  CHECK(is_null("") == 0);
  CHECK(is_null(R"(, "nan": "error")") == 0);
  CHECK(is_null(R"(, "nan": "null")") == 1);
  CHECK(is_null(R"(, "return_files": ["a"], "nan": "null", "verbose": true)") == 1);
  for (const char* value : {R"("NULL")", "true", "1", R"([])", R"("")"})
    CHECK(refusal(std::string(R"({"script": "x", "nan": )") + value + "}") ==
          R"('nan' field must be "error" or "null")");
}

TEST_CASE("nan of a batch is that of its first line, unless a line says another", "[job_request]") {
  const auto first = parse_batch_line(R"({"defaults": true, "script": "x", "nan": "null"})", kCaps,
                                      plain_request(kCaps));
  REQUIRE(first.has_value());
  const auto line = [&](const char* text) {
    return parse_batch_line(text, kCaps, *first)->job.options.nan_is_null;
  };
  CHECK(line("{}") == 1);
  CHECK(line(R"({"return_files": ["*"]})") == 1);
  CHECK(line(R"({"nan": "error"})") == 0);
}

TEST_CASE("a limit below the service's is taken, one above names it", "[job_request]") {
  CHECK(accepted(R"("timeout_ms": 1)").timeout_ms == 1);
  CHECK(accepted(R"("timeout_ms": 30000)").timeout_ms == 30000);
  CHECK(accepted(R"("output_bytes": 4096)").output_bytes == 4096);
  CHECK(accepted(R"("memory_mb": 1024)").job.memory_bytes == std::uint64_t{1024} << 20);
  CHECK(refused(R"("timeout_ms": 30001)") == "'timeout_ms' is 30001, more than the limit of 30000");
  CHECK(refused(R"("memory_mb": 1025)") == "'memory_mb' is 1025, more than the limit of 1024");
  CHECK(refused(R"("output_bytes": 99999999999999999999999)") ==
        "'output_bytes' is 99999999999999999999999, more than the limit of 4096");
  for (const char* value : {"0", "-1", "1.5", "1e-3", "-0", "0.0", "12.50e0"})
    CHECK(refused(std::string("\"timeout_ms\": ") + value) ==
          std::string("'timeout_ms' field must be a whole number from 1 to 30000, not ") + value);
  CHECK(refused(R"("timeout_ms": "5")") == "'timeout_ms' field must be a number, not a string");
  CHECK(refused(R"("timeout_ms": [5])") == "'timeout_ms' field must be a number, not an array");
}

TEST_CASE("each field may be given once", "[job_request]") {
  for (const char* field : {"\"args\": []", "\"stdin\": \"\"", "\"files\": {}", "\"env\": {}",
                            "\"timeout_ms\": 5", "\"memory_mb\": 5", "\"output_bytes\": 5"})
    CHECK_THAT(refused(std::string(field) + ", " + field), test::contains("field is given twice"));
}

TEST_CASE("input of exactly the cap is taken and one byte more is 413", "[job_request]") {
  const auto of_size = [](std::uint64_t stdin_bytes) {
    return parse(
        R"({"script": "x", "args": [1], "files": {"f": "22"}, "env": {"TZ": "UTC"}, "stdin": ")" +
        std::string(stdin_bytes, 'x') + "\"}");
  };
  const std::uint64_t rest = 3 + 3 + 5;
  CHECK(of_size(kCaps.input_bytes - rest).has_value());
  const auto refused_one = of_size(kCaps.input_bytes - rest + 1);
  REQUIRE(refused_one.has_error());
  CHECK(refused_one.error().status == 413);
  CHECK_THAT(refused_one.error().message,
             test::contains("2001 bytes together, more than the limit of 2000"));
}

TEST_CASE("a body with input cut at any byte is refused", "[job_request]") {
  const std::string body =
      R"({"script": "x", "args": {"a": [1]}, "files": {"f": {"base64": "AP8="}}, "env": {"TZ": "U"}, "memory_mb": 5})";
  REQUIRE(parse(body).has_value());
  for (std::size_t size = 0; size < body.size(); ++size)
    CHECK_THAT(refusal(body.substr(0, size)), test::contains("invalid JSON at byte"));
}

}  // namespace
}  // namespace pyexec
