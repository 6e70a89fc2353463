#include "server/job/displays.h"

#include "tests/support/catch.h"

namespace pyexec {
namespace {

const ReportOptions kOptions = {.displays_count = 2, .displays_bytes = 10};

std::string shown(const std::vector<NamedBytes>& entries, const ReportOptions& options = kOptions) {
  Outcome outcome;
  take_displays(entries, options, outcome);
  ObjectWriter members;
  add_displays(members, outcome);
  return members.object();
}

TEST_CASE("pictures are base64, and text is text", "[displays]") {
  CHECK(shown({}) == R"({"displays": []})");
  CHECK(shown({{"0 image/png", "\xff"}, {"0 text/plain", "a"}, {"1 image/svg+xml", "<svg>"}}) ==
        R"({"displays": [{"image/png": "/w==", "text/plain": "a"}, {"image/svg+xml": "<svg>"}]})");
  CHECK(shown({{"0 text/html", "\xff"}}) == "{\"displays\": [{\"text/html\": \"\xef\xbf\xbd\"}]}");
}

TEST_CASE("what is beyond the limits is left out", "[displays]") {
  const std::string first = R"({"displays": [{"text/plain": "a"}], "displays_truncated": true})";
  CHECK(shown({{"0 text/plain", "a"}, {"truncated", ""}}) == first);
  CHECK(shown({{"0 text/plain", "a"}, {"1 text/plain", std::string(10, 'x')}}) == first);
  CHECK(shown({{"0 text/plain", "a"}, {"1 text/plain", "b"}, {"2 text/plain", "c"}}) ==
        R"({"displays": [{"text/plain": "a"}, {"text/plain": "b"}], "displays_truncated": true})");
}

TEST_CASE("names that are none are left out", "[displays]") {
  for (const char* name : {"", "0", "0 ", " text/plain", "x text/plain", "0 text/javascript",
                           "-1 text/plain", "0  text/plain", "0 TEXT/PLAIN"}) {
    CAPTURE(name);
    CHECK(shown({{name, "a"}}) == R"({"displays": [], "displays_truncated": true})");
  }
  CHECK(shown({{"0 text/plain", "a"}, {"0 text/plain", "b"}}) ==
        R"({"displays": [{"text/plain": "a"}]})");
}

}  // namespace
}  // namespace pyexec
