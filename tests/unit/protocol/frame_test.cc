#include "worker/protocol/frame.h"

#include <cerrno>
#include <cstring>
#include <limits>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

constexpr std::uint8_t kFirstReportKind = static_cast<std::uint8_t>(ReportKind::value);
constexpr std::size_t kTypeOffset = 4, kReservedOffset = 6, kLengthOffset = 8;

std::optional<FrameHeader> header_of(const std::string& frame) {
  return decode_header(std::as_bytes(std::span(frame)).subspan<0, kFrameHeaderBytes>());
}
std::string body_of(const std::string& frame) {
  return frame.substr(kFrameHeaderBytes);
}
std::string job_body(const std::string& script) {
  return body_of(encode_job(Job{script}));
}
constexpr RunTimes kTimes = {0x0102030405060708, 0xfffefdfcfbfaf9f8};
constexpr StartTimes kStartTimes = {1, 0x8000000000000000, 0xffffffffffffffff, {2, 3}};
std::string job_body(const Job& job) {
  return body_of(encode_job(job));
}
std::string report_body(ReportKind kind, const std::string& text) {
  return body_of(encode_report({kind, text, kTimes}));
}
constexpr std::uint64_t kMostFiles = 3;
std::optional<Untrusted<Report>> report_of(std::string_view body) {
  return decode_report(body, {.files_count = kMostFiles, .displays_count = 1});
}
std::string setup_failed_body() {
  return body_of(encode_setup_failed(sandbox::fail(Step::scratch, EPERM, 1)));
}
// Overwrites the length in the section header at `offset`.
std::string with_section_length(std::string body, std::size_t offset, std::uint32_t length) {
  for (std::size_t i = 0; i < sizeof length; ++i)
    body[offset + 1 + i] = static_cast<char>(length >> (8 * i) & 0xff);
  return body;
}

bool any_decoder_takes(std::string_view body) {
  return decode_job(body) || report_of(body) || decode_setup_failed(body) || decode_ready(body) ||
         decode_call(body) || decode_answer(body);
}

TEST_CASE("a job comes back as it was sent", "[frame]") {
  const std::string nul("a\0b\0", 4);
  const std::string large(300'000, 'x');
  for (const std::string& script : {std::string("def main(): return 1"), std::string(), nul, large,
                                    std::string("\xff\xfe\xc3")}) {
    const std::string frame = encode_job(Job{script});
    const auto header = header_of(frame);
    REQUIRE(header);
    CHECK(header->type == FrameType::job);
    CHECK(header->body_bytes == frame.size() - kFrameHeaderBytes);
    const auto job = decode_job(body_of(frame));
    REQUIRE(job);
    CHECK(job->script == script);
  }
}

TEST_CASE("all of a job comes back as it was sent", "[frame]") {
  const std::string nul("a\0b", 3);
  const Job jobs[] = {
      {"x", "[1]", "in", {{"f", "1"}, {"g/h", nul}}, {{"TZ", "UTC"}}, 1},
      {"", "", nul, {{"", ""}}, {{nul, ""}, {"", nul}}, 0xffffffffffffffff},
      {"x", "{}", "", {{"f", std::string(300'000, 'x')}}, {}, 0},
      {"x", "", "", {}, {}, 0, {1, 1, {"*.png", "out/**"}, 2, 3, 4, "socket,os", 1, 8}},
      {"f",
       "[1]",
       "",
       {},
       {},
       0,
       {.session_cell = 3, .template_part = TemplatePart::job, .is_call = 1}},
      {"x", "", "", {}, {}, 0, {.is_cell = 1, .template_part = TemplatePart::setup}}};
  for (const Job& job : jobs) {
    const auto got = decode_job(job_body(job));
    REQUIRE(got);
    CHECK((*got == job));
    const std::string body = job_body(job);
    for (std::size_t size = 0; size < std::min<std::size_t>(body.size(), 200); ++size)
      CHECK_FALSE(decode_job(body.substr(0, size)));
    CHECK_FALSE(decode_job(body + "x"));
  }
}

TEST_CASE("a job of another part of a template is rejected", "[frame]") {
  ReportOptions options;
  options.template_part = static_cast<TemplatePart>(3);
  CHECK_FALSE(decode_job(job_body({"x", "", "", {}, {}, 0, options})));
}

TEST_CASE("a forked process's pid comes back as it was sent, and nothing else does", "[frame]") {
  CHECK(encode_fork().size() == kFrameHeaderBytes);
  for (const std::uint64_t pid : {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}}) {
    const std::string frame = encode_forked(pid), body = body_of(frame);
    CHECK(body.size() == kSectionHeaderBytes + 8);
    CHECK(decode_forked(body) == pid);
    for (std::size_t size = 0; size < body.size(); ++size)
      CHECK_FALSE(decode_forked(body.substr(0, size)));
    CHECK_FALSE(decode_forked(body + "x"));
  }
}

TEST_CASE("calls and answers come back as they were sent", "[frame]") {
  const ToolCalls calls = {7, 1, {{"search", R"({"q": 1})"}, {"price", "[]"}}};
  const auto decoded = decode_call(body_of(encode_call(calls)));
  REQUIRE(decoded);
  CHECK(decoded->unchecked().first == 7);
  CHECK(decoded->unchecked().may_follow == 1);
  CHECK(decoded->unchecked().calls == calls.calls);
  for (const ToolAnswer& answer : {ToolAnswer{7, 0, "[1]"}, ToolAnswer{8, 1, ""}})
    CHECK(decode_answer(body_of(encode_answer(answer))) == answer);
}

TEST_CASE("no call, and more calls than may wait, are rejected", "[frame]") {
  ToolCalls calls = {1, 0, {}};
  CHECK_FALSE(decode_call(body_of(encode_call(calls))));
  calls.calls.resize(kMostCallsAtOnce);
  CHECK(decode_call(body_of(encode_call(calls))));
  calls.calls.push_back({"one", "more"});
  CHECK_FALSE(decode_call(body_of(encode_call(calls))));
}

TEST_CASE("what is neither an answer nor an error is rejected", "[frame]") {
  CHECK_FALSE(decode_answer(body_of(encode_answer({1, 2, "x"}))));
  CHECK_FALSE(decode_call(body_of(encode_call({1, 2, {{"f", "[]"}}}))));
}

TEST_CASE("an entry of a list that is longer than the list is rejected", "[frame]") {
  const std::string files = job_body({"", "", "", {{"name", "bytes"}}, {}, 0});
  const std::size_t list = 4 * kSectionHeaderBytes;
  for (const std::size_t at : {list, list + 4 + 4})
    for (const unsigned char length : {6, 7, 100, 255}) {
      std::string broken = files;
      broken[at] = static_cast<char>(length);
      const auto got = decode_job(broken);
      if (got) FAIL("length " << int{length} << " at " << at);
    }
}

TEST_CASE("a report of each kind comes back as it was sent", "[frame]") {
  for (auto kind = kFirstReportKind; kind <= static_cast<std::uint8_t>(kLastReportKind); ++kind)
    for (const std::string& text : {std::string(), std::string("[1, 2]"), std::string("\0x", 2)}) {
      const std::string frame = encode_report({static_cast<ReportKind>(kind), text, kTimes});
      const auto header = header_of(frame);
      REQUIRE(header);
      CHECK(header->type == FrameType::report);
      CHECK(header->body_bytes == kReportOverheadBytes + text.size());
      const auto report = report_of(body_of(frame));
      REQUIRE(report);
      CHECK(static_cast<std::uint8_t>(report->unchecked().kind) == kind);
      CHECK(report->unchecked().text == text);
      CHECK(report->unchecked().times.began_ns == kTimes.began_ns);
      CHECK(report->unchecked().times.ended_ns == kTimes.ended_ns);
    }
}

TEST_CASE("details and files of a report come back as they were sent, up to their bounds",
          "[frame]") {
  const std::vector<NamedBytes> entries = {{"a", std::string("\0x", 2)}, {"b/c", ""}, {"", "d"}};
  const Report sent = {ReportKind::exception, "text", kTimes, entries, entries};
  const auto got = report_of(body_of(encode_report(sent)));
  REQUIRE(got);
  CHECK((got->unchecked().detail == sent.detail));
  CHECK((got->unchecked().files == sent.files));
  Report more = sent;
  more.files.push_back({"one", "more"});
  CHECK_FALSE(report_of(body_of(encode_report(more))));
  more = sent;
  more.detail.assign(kMostDetails + 1, {"x", ""});
  CHECK_FALSE(report_of(body_of(encode_report(more))));
}

TEST_CASE("the times of ready come back as they were sent", "[frame]") {
  const std::string frame = encode_ready(kStartTimes);
  const auto header = header_of(frame);
  REQUIRE(header);
  CHECK(header->type == FrameType::ready);
  CHECK(header->body_bytes == frame.size() - kFrameHeaderBytes);
  const auto times = decode_ready(body_of(frame));
  REQUIRE(times);
  CHECK(times->populate_ns == kStartTimes.populate_ns);
  CHECK(times->enter_ns == kStartTimes.enter_ns);
  CHECK(times->warm_up_ns == kStartTimes.warm_up_ns);
  CHECK(times->usage.cpu_ns == kStartTimes.usage.cpu_ns);
  CHECK(times->usage.peak_rss_bytes == kStartTimes.usage.peak_rss_bytes);
}

TEST_CASE("a failed setup comes back as it was sent", "[frame]") {
  const SetupError sent = sandbox::fail(Step::pivot_root, EINVAL, 7);
  const std::string frame = encode_setup_failed(sent);
  REQUIRE(header_of(frame));
  CHECK(header_of(frame)->type == FrameType::setup_failed);
  const auto got = decode_setup_failed(body_of(frame));
  REQUIRE(got);
  CHECK(got->step == sent.step);
  CHECK(got->error == sent.error);
  CHECK(got->index == sent.index);
}

TEST_CASE("a body cut at any byte is rejected", "[frame]") {
  const std::string job = job_body("script"), failed = setup_failed_body(),
                    report = report_body(ReportKind::value, "null"),
                    ready = body_of(encode_ready(kStartTimes));
  for (std::size_t size = 0; size < ready.size(); ++size)
    CHECK_FALSE(decode_ready(ready.substr(0, size)));
  for (std::size_t size = 0; size < job.size(); ++size)
    CHECK_FALSE(decode_job(job.substr(0, size)));
  for (std::size_t size = 0; size < report.size(); ++size)
    CHECK_FALSE(report_of(report.substr(0, size)));
  for (std::size_t size = 0; size < failed.size(); ++size)
    CHECK_FALSE(decode_setup_failed(failed.substr(0, size)));
}

TEST_CASE("bytes after a body are rejected", "[frame]") {
  const std::string job = job_body("script"), failed = setup_failed_body(),
                    report = report_body(ReportKind::value, "null");
  for (const std::string& tail : {std::string(1, '\0'), std::string("x"), job_body("")}) {
    CHECK_FALSE(decode_job(job + tail));
    CHECK_FALSE(report_of(report + tail));
    CHECK_FALSE(decode_ready(body_of(encode_ready(kStartTimes)) + tail));
    CHECK_FALSE(decode_setup_failed(failed + tail));
  }
}

TEST_CASE("no decoder takes another message's body", "[frame]") {
  const std::string job = job_body("script"), failed = setup_failed_body(),
                    report = report_body(ReportKind::value, "null");
  CHECK_FALSE(decode_job(report));
  CHECK_FALSE(decode_job(failed));
  CHECK_FALSE(report_of(job));
  CHECK_FALSE(report_of(failed));
  CHECK_FALSE(report_of(body_of(encode_ready(kStartTimes))));
  CHECK_FALSE(decode_ready(report));
  CHECK_FALSE(decode_setup_failed(job));
  CHECK_FALSE(decode_setup_failed(report));
}

TEST_CASE("a header with any wrong magic byte is rejected", "[frame]") {
  for (std::size_t i = 0; i < kTypeOffset; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string frame = encode_ready(kStartTimes);
      frame[i] = static_cast<char>(frame[i] ^ 1 << bit);
      CHECK_FALSE(header_of(frame));
    }
}

TEST_CASE("a header with any reserved bit set is rejected", "[frame]") {
  for (std::size_t i = kReservedOffset; i < kLengthOffset; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string frame = encode_ready(kStartTimes);
      frame[i] = static_cast<char>(1 << bit);
      CHECK_FALSE(header_of(frame));
    }
}

TEST_CASE("exactly the known frame types are accepted", "[frame]") {
  for (unsigned type = 0; type <= std::numeric_limits<std::uint16_t>::max(); ++type) {
    std::string frame = encode_ready(kStartTimes);
    frame[kTypeOffset] = static_cast<char>(type & 0xff);
    frame[kTypeOffset + 1] = static_cast<char>(type >> 8);
    const bool known = type >= static_cast<unsigned>(FrameType::ready) &&
                       type <= static_cast<unsigned>(FrameType::answer);
    if (header_of(frame).has_value() != known) FAIL("type " << type);
  }
}

TEST_CASE("a header's length is handed on as it stands", "[frame]") {
  std::string frame = encode_ready(kStartTimes);
  frame.replace(kLengthOffset, 4, "\xff\xff\xff\xff");
  REQUIRE(header_of(frame));
  CHECK(header_of(frame)->body_bytes == std::numeric_limits<std::uint32_t>::max());
  frame.replace(kLengthOffset, 4, "\x04\x03\x02\x01");
  CHECK(header_of(frame)->body_bytes == 0x01020304);
}

TEST_CASE("a section with an unknown tag is rejected", "[frame]") {
  const std::string job = job_body("script"), report = report_body(ReportKind::value, "null");
  for (int tag = 0; tag < 256; ++tag) {
    std::string other = job;
    other[0] = static_cast<char>(tag);
    CHECK(decode_job(other).has_value() == (other == job));
    other = report;
    other[0] = static_cast<char>(tag);
    CHECK(report_of(other).has_value() == (other == report));
  }
}

TEST_CASE("a report with its sections swapped is rejected", "[frame]") {
  const std::string report = report_body(ReportKind::value, "x");
  const std::size_t kind_section = kSectionHeaderBytes + 1;
  CHECK_FALSE(report_of(report.substr(kind_section) + report.substr(0, kind_section)));
}

TEST_CASE("a report with a section missing or repeated is rejected", "[frame]") {
  const std::string report = report_body(ReportKind::value, "x");
  const std::size_t kind_size = kSectionHeaderBytes + 1, text_size = kSectionHeaderBytes + 1;
  const std::string kind = report.substr(0, kind_size), text = report.substr(kind_size, text_size),
                    times = report.substr(kind_size + text_size, kSectionHeaderBytes + 16),
                    detail =
                        report.substr(kind_size + text_size + times.size(), kSectionHeaderBytes),
                    files = report.substr(kind_size + text_size + times.size() + detail.size());
  REQUIRE(report_of(kind + text + times + detail + files));
  for (const std::string& body :
       {kind, text, times, kind + text, kind + times, text + times, kind + text + times,
        kind + text + times + detail, kind + kind + text + times + detail + files,
        kind + text + text + times + detail + files, kind + text + times + files + detail,
        kind + text + times + detail + files + files, std::string()})
    CHECK_FALSE(report_of(body));
}

TEST_CASE("a section length beyond the body is rejected", "[frame]") {
  const std::string job = job_body("script"), report = report_body(ReportKind::value, "null"),
                    failed = setup_failed_body();
  for (const std::uint32_t length : {0xffffffffu, 0xfffffffbu, 0x80000000u, 0x7fffffffu, 1000u}) {
    CHECK_FALSE(decode_job(with_section_length(job, 0, length)));
    CHECK_FALSE(report_of(with_section_length(report, 0, length)));
    CHECK_FALSE(report_of(with_section_length(report, kSectionHeaderBytes + 1, length)));
    CHECK_FALSE(decode_setup_failed(with_section_length(failed, 0, length)));
  }
}

TEST_CASE("a report kind outside the list is rejected", "[frame]") {
  std::string report = report_body(ReportKind::value, "null");
  for (int kind = 0; kind < 256; ++kind) {
    report[kSectionHeaderBytes] = static_cast<char>(kind);
    const bool known = kind >= kFirstReportKind && kind <= static_cast<int>(kLastReportKind);
    CHECK(report_of(report).has_value() == known);
  }
}

TEST_CASE("a kind that is not one byte is rejected", "[frame]") {
  const std::string text = report_body(ReportKind::value, "null").substr(kSectionHeaderBytes + 1);
  CHECK_FALSE(report_of(std::string("\x02\0\0\0\0", 5) + text));
  CHECK_FALSE(report_of(std::string("\x02\x02\0\0\0\x01\x01", 7) + text));
}

TEST_CASE("a setup error that is a byte too long is rejected", "[frame]") {
  const std::string longer =
      with_section_length(setup_failed_body() + "x", 0, sizeof(SetupError) + 1);
  CHECK_FALSE(decode_setup_failed(longer));
}

TEST_CASE("flipping bytes of a body yields nothing or what the bytes say", "[frame]") {
  for (const std::string& body :
       {job_body("script"), report_body(ReportKind::exception, "text"), setup_failed_body()})
    for (std::size_t i = 0; i < body.size(); ++i)
      for (int byte = 0; byte < 256; ++byte) {
        std::string flipped = body;
        flipped[i] = static_cast<char>(byte);
        if (const auto job = decode_job(flipped); job && job_body(*job) != flipped)
          FAIL("job byte " << i << " as " << byte);
        if (const auto report = report_of(flipped);
            report && body_of(encode_report(report->unchecked())) != flipped)
          FAIL("report byte " << i << " as " << byte);
        if (const auto error = decode_setup_failed(flipped);
            error && body_of(encode_setup_failed(*error)) != flipped)
          FAIL("setup error byte " << i << " as " << byte);
      }
}

TEST_CASE("flipping bytes of a header yields nothing or what the bytes say", "[frame]") {
  const std::string frame = encode_job(Job{"script"});
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i)
    for (int byte = 0; byte < 256; ++byte) {
      std::string flipped = frame;
      flipped[i] = static_cast<char>(byte);
      const auto header = header_of(flipped);
      if (header && i < kTypeOffset && flipped != frame) FAIL("byte " << i << " as " << byte);
      if (header && i >= kLengthOffset) CHECK(header->type == FrameType::job);
    }
}

TEST_CASE("short bodies of any two bytes are rejected", "[frame]") {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      if (any_decoder_takes({bytes, sizeof bytes})) FAIL("bytes " << first << " " << second);
    }
}

}  // namespace
}  // namespace pyexec
