#include "server/telemetry/trace.h"

#include "tests/support/catch.h"

using pyexec::trace_of;

namespace {
const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kParent = "00-" + kTrace + "-00f067aa0ba902b7-01";
}  // namespace

TEST_CASE("traceparent names the trace, the caller's span and whether it is sampled", "[trace]") {
  const auto trace = trace_of(kParent, "");
  REQUIRE(trace);
  CHECK(trace->trace_id == kTrace);
  CHECK(trace->span_id == "00f067aa0ba902b7");
  CHECK(trace->is_sampled);
  CHECK_FALSE(trace_of("00-" + kTrace + "-00f067aa0ba902b7-00", "")->is_sampled);
}

TEST_CASE("a later version of traceparent may have more behind it", "[trace]") {
  CHECK(trace_of("01-" + kTrace + "-00f067aa0ba902b7-01-more", ""));
  CHECK_FALSE(trace_of(kParent + "-more", ""));
}

TEST_CASE("what does not look like a traceparent is none", "[trace]") {
  const std::string zeros(32, '0');
  for (const std::string& text :
       {std::string(), std::string("x"), "ff-" + kTrace + "-00f067aa0ba902b7-01",
        "00-" + zeros + "-00f067aa0ba902b7-01", "00-" + kTrace + "-0000000000000000-01",
        "00-" + kTrace + "-00f067aa0ba902b7-0g", "00-" + kTrace + "_00f067aa0ba902b7-01",
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")}) {
    INFO(text);
    CHECK_FALSE(trace_of(text, ""));
  }
}

TEST_CASE("X-Cloud-Trace-Context has a decimal span", "[trace]") {
  const auto trace = trace_of("", kTrace + "/255;o=1");
  REQUIRE(trace);
  CHECK(trace->trace_id == kTrace);
  CHECK(trace->span_id == "00000000000000ff");
  CHECK(trace->is_sampled);
}

TEST_CASE("X-Cloud-Trace-Context may be the trace alone", "[trace]") {
  for (const char* rest : {"", "/", "/0", "/x;o=1", "/99999999999999999999"}) {
    const auto trace = trace_of("", kTrace + rest);
    REQUIRE(trace);
    CHECK(trace->span_id == "");
  }
  CHECK_FALSE(trace_of("", "4bf9/1;o=1"));
  CHECK_FALSE(trace_of("", "\"}{" + kTrace));
}

TEST_CASE("traceparent wins", "[trace]") {
  CHECK(trace_of(kParent, std::string(32, 'a') + "/1")->trace_id == kTrace);
  CHECK(trace_of("broken", std::string(32, 'a') + "/1")->trace_id == std::string(32, 'a'));
}
