// What clients send that means one thing only, though not written as the table has it.
#include "server/base/whole_number.h"
#include "server/job/job_request.h"
#include "server/json/json_items.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

const JobCaps kCaps = {.script_bytes = 1000,
                       .input_bytes = 1'000'000,
                       .timeout_ms = 30000,
                       .memory_mb = 1024,
                       .output_bytes = 4096,
                       .result_depth = 5,
                       .env_names = "TZ",
                       .files_bytes = 10,
                       .files_count = 10,
                       .files_depth = 10};

JobRequest accepted(const std::string& fields) {
  const auto job = parse_job(R"({"script": "x", )" + fields + "}", kCaps);
  INFO(fields);
  REQUIRE(job.has_value());
  return *job;
}
BadRequest refused(const std::string& body) {
  const auto job = parse_job(body, kCaps);
  INFO(body);
  REQUIRE(job.has_error());
  return job.error();
}

std::string between(std::string_view before, std::string_view text, std::string_view after) {
  std::string out(before);
  out += text;
  out += after;
  return out;
}

TEST_CASE("null is the field left out", "[job_leniency]") {
  const JobRequest plain = *parse_job(R"({"script": "x"})", kCaps);
  for (const char* field : {"args", "stdin", "files", "env", "timeout_ms", "memory_mb",
                            "output_bytes", "verbose", "return_files"}) {
    const JobRequest request = accepted(between("\"", field, "\": null"));
    CHECK(request.job == plain.job);
    CHECK(request.timeout_ms == plain.timeout_ms);
    CHECK(request.detail == plain.detail);
    CHECK(refused(R"({"script": "x", ")" + std::string(field) + R"(": null, ")" + field +
                  R"(": null})")
              .message == between("'", field, "' field is given twice"));
  }
  CHECK(refused(R"({"script": null})").message == "'script' field must be a string, not null");
  CHECK(refused(R"({"script": "x", "none": null})").message == "unknown field 'none'");
  CHECK(accepted(R"("args": [null])").job.args == "[null]");
}

TEST_CASE("null on a line of a batch is as the defaults say", "[job_leniency]") {
  JobRequest defaults = accepted(R"("args": [1], "timeout_ms": 7, "stdin": "s")");
  const auto line = parse_batch_line(
      R"({"id": null, "script": null, "args": null, "timeout_ms": null, "stdin": "t", "defaults": null,
          "progress_ms": null})",
      kCaps, defaults);
  REQUIRE(line.has_value());
  CHECK(line->line == JobRequest::Line::job);
  CHECK(line->id_json == "null");
  CHECK(line->job.script == "x");
  CHECK(line->job.args == "[1]");
  CHECK(line->timeout_ms == 7);
  CHECK(line->job.stdin_text == "t");
}

TEST_CASE("a whole number is one however it is written", "[job_leniency]") {
  for (const char* text : {"5000", "5000.0", "5e3", "5E+3", "0.5e4", "500000e-2", "5000.000e0"}) {
    CAPTURE(text);
    CHECK(parse_whole(text).value == 5000);
    CHECK(accepted("\"timeout_ms\": " + std::string(text)).timeout_ms == 5000);
  }
  using Is = WholeNumber::Is;
  CHECK(parse_whole("18446744073709551615").value == ~std::uint64_t{0});
  CHECK(parse_whole("18446744073709551616").is == Is::too_large);
  CHECK(parse_whole("1e99999999999999999999").is == Is::too_large);
  CHECK(parse_whole("1e-99999999999999999999").is == Is::fraction);
  CHECK(parse_whole("0e99999999999999999999").value == 0);
  CHECK(parse_whole("5000.5").is == Is::fraction);
  CHECK(parse_whole("-5e1").is == Is::negative);
  CHECK(parse_whole("-0.0").is == Is::value);
}

TEST_CASE("a number of any length is refused in a short sentence", "[job_leniency]") {
  const std::string problem =
      refused(R"({"script": "x", "timeout_ms": 1)" + std::string(50'000, '0') + "}").message;
  CHECK(problem.size() < 200);
  CHECK_THAT(problem, test::contains("more than the limit of 30000"));
}

TEST_CASE("integers of args have any size, and keep every digit", "[job_leniency]") {
  for (const std::size_t zeros :
       {0u, 18u, 19u, 298u, 299u, 300u, 308u, 309u, 400u, 5000u, 50'000u}) {
    const std::string digits = between("7", std::string(zeros, '0'), "3");
    const std::string args =
        "[" + digits + ",-" + digits + ",[" + digits + "],{\"a\":" + digits + "}]";
    CHECK(accepted("\"args\": " + args).job.args == args);
  }
  const std::string text(1000, '9');
  CHECK(accepted("\"args\": [\"" + text + "\\\"" + text + "\", " + text + "]").job.args ==
        "[\"" + text + "\\\"" + text + "\"," + text + "]");
  CHECK(accepted("\"args\": [0." + text + ", 1.5e-300]").job.args == "[0." + text + ",1.5e-300]");
  CHECK_THAT(refused("{\"script\": \"x\", \"args\": [0" + text + "]}").message,
             test::contains("invalid JSON"));
  CHECK_THAT(refused("{\"script\": \"x\", \"args\": [" + text + "x]}").message,
             test::contains("invalid JSON"));
}

TEST_CASE("base64 may have line breaks, either alphabet and no padding", "[job_leniency]") {
  const auto bytes = [](const std::string& text) {
    return accepted(R"("files": {"f": {"base64": ")" + text + "\"}}").job.files.at(0).bytes;
  };
  for (const char* text :
       {"+/8=", "-_8=", "-_8", "+_8", "+/\\n8=", "\\r\\n +/8=\\r\\n", " + / 8 = \\t"})
    CHECK(bytes(text) == "\xfb\xff");
  for (const char* text : {"eA==", "eA", "eA=\\n="}) CHECK(bytes(text) == "x");
}

TEST_CASE("paths that are one path are one name", "[job_leniency]") {
  for (const char* name : {"./a/b", "a/./b", "a//b", ".//./a/.//b"}) {
    CAPTURE(name);
    CHECK(accepted("\"files\": {\"" + std::string(name) + "\": \"\"}").job.files.at(0).name ==
          "a/b");
    CHECK(accepted("\"return_files\": [\"" + std::string(name) + "\"]")
              .job.options.return_files.at(0) == "a/b");
  }
  CHECK(refused(R"({"script": "x", "files": {"./a": "", "a": ""}})").message ==
        "'files' entries './a' and 'a' are the same file");
  for (const char* name : {"..", "./../a", "a/./..", "/a", ".//", "./", ""})
    for (const std::string& field : {"\"files\": {\"" + std::string(name) + "\": \"\"}",
                                     "\"return_files\": [\"" + std::string(name) + "\"]"})
      CHECK(refused("{\"script\": \"x\", " + field + "}").status == 400);
}

TEST_CASE("a likely mistake in a name gets a hint", "[job_leniency]") {
  const std::pair<const char*, const char*> meant[] = {{"timeout", "timeout_ms"},
                                                       {"timeoutMs", "timeout_ms"},
                                                       {"time-limit", "timeout_ms"},
                                                       {"memory", "memory_mb"},
                                                       {"input", "stdin"},
                                                       {"arguments", "args"},
                                                       {"envs", "env"},
                                                       {"fiels", "files"},
                                                       {"return_file", "return_files"},
                                                       {"outputbytes", "output_bytes"},
                                                       {"verbos", "verbose"}};
  for (const auto& [name, field] : meant)
    CHECK(refused(between("{\"script\": \"x\", \"", name, "\": 1}")).message ==
          between("unknown field '", name, "'; did you mean '") + field + "'?");
  for (const char* name : {"source", "python", "Script", "scrpt"})
    CHECK(
        refused(between("{\"", name, "\": \"x\"}")).message ==
        between("'script' field is required; unknown field '", name, "'; did you mean 'script'?"));
  for (const char* name : {"xyz", "", "a", "zzzzzzzzzzzzzzzz"})
    CHECK(refused(between("{\"script\": \"x\", \"", name, "\": 1}")).message ==
          between("unknown field '", name, "'"));
  CHECK(refused(R"({"script": "x", "id": 1})").message ==
        "unknown field 'id', which is for lines of a batch");
}

TEST_CASE("what is not JSON is called what it is, with its place", "[job_leniency]") {
  const std::pair<std::string, std::string> problems[] = {
      {"{\n  \"script\": \"\u00e9a\nb\"}",
       "a raw line break in a string, which JSON writes as \\n (line 2, column 16)"},
      {"{\"script\": \"a\tb\"}",
       "a raw tab in a string, which JSON writes as \\t (line 1, column 14)"},
      {"{\"script\": \"a\r\nb\"}", "a raw line break in a string, which JSON writes as \\r\\n"},
      {"{\"script\": \"a\x01\"}", "a raw control character in a string"},
      {"{'script': 1}", "JSON has double quotes around names and strings"},
      {"{\"args\": [NaN]}", "JSON has no NaN"},
      {"{\"verbose\": True}", "JSON writes True as true"},
      {"{\"script\": \"x\",}", "JSON has no comma after the last of several"},
      {"{\n\"script\" 1}", "(line 2, column 10)"},
      {std::string("\xff\xfe{\0\"\0", 6), "the body is UTF-16; JSON is sent as UTF-8"},
      {"{\"script\": \"x", "A line break in a string is written as \\n."}};
  for (const auto& [body, words] : problems)
    CHECK_THAT(refused(body).message, test::contains(words));
}

TEST_CASE("lines may end in CRLF, be blank, and begin with a byte order mark", "[job_leniency]") {
  const std::string body = "\xef\xbb\xbf\r\n\r\n{\"a\": 1}\r\n \r\n{\"b\": 2}";
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, body.size()}) {
    JsonItems items(JsonItems::Form::lines, 1000);
    std::string seen;
    for (std::size_t at = 0; at < body.size(); at += size) {
      items.push(std::string_view(body).substr(at, size));
      while (const auto item = items.next()) seen += item->text + ";";
    }
    items.end();
    while (const auto item = items.next()) seen += item->text + ";";
    CHECK(seen == "{\"a\": 1}\r;{\"b\": 2};");
  }
}

TEST_CASE("a byte order mark may stand before an array", "[job_leniency]") {
  const std::string body = "\xef\xbb\xbf [{}]";
  for (const std::size_t size : {std::size_t{1}, body.size()}) {
    JsonItems items(JsonItems::Form::array, 1000);
    std::string seen;
    for (std::size_t at = 0; at < body.size(); at += size) {
      items.push(std::string_view(body).substr(at, size));
      while (const auto item = items.next()) seen += item->text + ";";
    }
    CHECK(seen == "{};");
  }
}

}  // namespace
}  // namespace pyexec
