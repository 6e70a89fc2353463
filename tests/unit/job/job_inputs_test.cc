// The fields beside the script.
#include <utility>
#include <vector>

#include "tests/support/job_requests.h"

namespace pyexec {
namespace {

using namespace test;

TEST_CASE("a request that asks for nothing gets what the service gives", "[job_inputs]") {
  const auto request = parse(R"({"script": "x"})");
  REQUIRE(request.has_value());
  CHECK(request->job == Job{"x", "", "", {}, {}, 0});
  CHECK(request->timeout_ms == kCaps.timeout_ms);
  CHECK(request->output_bytes == kCaps.output_bytes);
}

TEST_CASE("args are handed on as they were meant, numbers as they were written", "[job_inputs]") {
  CHECK(accepted(R"("args": [])").job.args == "[]");
  CHECK(accepted(R"("args": {})").job.args == "{}");
  CHECK(accepted(R"("args" : [ 1, 2.50, -0, 1e300, 123456789012345678901234567890 ])").job.args ==
        "[1,2.50,-0,1e300,123456789012345678901234567890]");
  CHECK(accepted(R"("args": {"a": [true, false, null, {"b": "\u00e9\n\""}], "script": "y"})")
            .job.args == "{\"a\":[true,false,null,{\"b\":\"\u00e9\\n\\\"\"}],\"script\":\"y\"}");
}

TEST_CASE("args that are neither array nor object are named", "[job_inputs]") {
  for (const auto& [value, type] : std::vector<std::pair<std::string, std::string>>{
           {"1", "a number"}, {"\"x\"", "a string"}, {"true", "a boolean"}})
    CHECK(refused("\"args\": " + value) ==
          "'args' field must be an array or an object, not " + type);
}

TEST_CASE("args may be nested as deep as the cap and no deeper", "[job_inputs]") {
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

TEST_CASE("stdin is a text", "[job_inputs]") {
  CHECK(accepted(R"("stdin": "a\u0000\n")").job.stdin_text == std::string("a\0\n", 3));
  CHECK(refused(R"("stdin": 3)") == "'stdin' field must be a string, not a number");
  CHECK(refused(R"("stdin": ["x"])") == "'stdin' field must be a string, not an array");
}

TEST_CASE("files are texts or base64", "[job_inputs]") {
  const auto files =
      accepted(
          R"("files": {"a.txt": "\u00e9", "d/e/f": "", "b": {"base64": "AP8="}, "c": {"base64": ""}})")
          .job.files;
  CHECK(files ==
        std::vector<NamedBytes>{
            {"a.txt", "\u00e9"}, {"d/e/f", ""}, {"b", std::string("\0\xff", 2)}, {"c", ""}});
  CHECK(accepted(R"("files": {})").job.files.empty());
}

TEST_CASE("a file that is neither text nor base64 is named", "[job_inputs]") {
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

TEST_CASE("a file's name stays below the working directory", "[job_inputs]") {
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

TEST_CASE("base64 of every length is decoded within its buffer or refused", "[job_inputs]") {
  for (std::size_t size = 0; size <= 6500; size += size < 200 ? 1 : 61) {
    const auto request =
        parse(R"({"script": "x", "files": {"f": {"base64": ")" + std::string(size, '/') + "\"}}}");
    const bool fits_cap = size * 3 / 4 + 1 <= kCaps.input_bytes;
    CHECK(request.has_value() == (size % 4 != 1 && fits_cap));
    if (request.has_value())
      CHECK(request->job.files[0].bytes == std::string(size * 3 / 4, '\xff'));
  }
}

TEST_CASE("what is wrong many times costs no more than once", "[job_inputs]") {
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

TEST_CASE("files that stand in each other's way are named", "[job_inputs]") {
  CHECK(refused(R"("files": {"a": "", "a": ""})") == "'files' entry 'a' is given twice");
  CHECK(refused(R"("files": {"a/b/c": "", "a-": "", "a": ""})") ==
        "'files' entry 'a' is a file and, for 'a/b/c', a directory");
}

TEST_CASE("env takes the names that are allowed", "[job_inputs]") {
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

TEST_CASE("a locale is one that every jail has", "[job_inputs]") {
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

TEST_CASE("nan is one of two words", "[job_inputs]") {
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

TEST_CASE("nan of a batch is that of its first line, unless a line says another", "[job_inputs]") {
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

TEST_CASE("a limit below the service's is taken, one above names it", "[job_inputs]") {
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

TEST_CASE("each field may be given once", "[job_inputs]") {
  for (const char* field : {"\"args\": []", "\"stdin\": \"\"", "\"files\": {}", "\"env\": {}",
                            "\"timeout_ms\": 5", "\"memory_mb\": 5", "\"output_bytes\": 5"})
    CHECK_THAT(refused(std::string(field) + ", " + field), test::contains("field is given twice"));
}

TEST_CASE("input of exactly the cap is taken and one byte more is 413", "[job_inputs]") {
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

TEST_CASE("a body with input cut at any byte is refused", "[job_inputs]") {
  const std::string body =
      R"({"script": "x", "args": {"a": [1]}, "files": {"f": {"base64": "AP8="}}, "env": {"TZ": "U"}, "memory_mb": 5})";
  REQUIRE(parse(body).has_value());
  for (std::size_t size = 0; size < body.size(); ++size)
    CHECK_THAT(refusal(body.substr(0, size)), test::contains("invalid JSON at byte"));
}

}  // namespace
}  // namespace pyexec
