#include "server/job/output_capture.h"

#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("output below the cap is kept as it came", "[output_capture]") {
  OutputCapture capture(10);
  capture.append("abc");
  capture.append("");
  capture.append(std::string_view("d\0e", 3));
  CHECK(capture.text() == std::string_view("abcd\0e", 6));
  CHECK_FALSE(capture.truncated());
}

TEST_CASE("output of exactly the cap is not truncated", "[output_capture]") {
  OutputCapture capture(4);
  capture.append("ab");
  capture.append("cd");
  CHECK(capture.text() == "abcd");
  CHECK_FALSE(capture.truncated());
}

TEST_CASE("one byte beyond the cap is dropped and noted", "[output_capture]") {
  OutputCapture capture(4);
  capture.append("abcde");
  CHECK(capture.text() == "abcd");
  CHECK(capture.truncated());
}

TEST_CASE("what comes after a full capture changes nothing", "[output_capture]") {
  OutputCapture capture(4);
  capture.append("abcd");
  for (int i = 0; i < 3; ++i) capture.append("more");
  CHECK(capture.text() == "abcd");
  CHECK(capture.truncated());
}

TEST_CASE("nothing appended to a full capture leaves it whole", "[output_capture]") {
  OutputCapture capture(2);
  capture.append("ab");
  capture.append("");
  CHECK_FALSE(capture.truncated());
}

TEST_CASE("a cap of 0 keeps nothing", "[output_capture]") {
  OutputCapture capture(0);
  CHECK_FALSE(capture.truncated());
  capture.append("a");
  CHECK(capture.text().empty());
  CHECK(capture.truncated());
}

TEST_CASE("a character that the cap cuts is left out", "[output_capture]") {
  const std::string_view euro = "\xe2\x82\xac";
  for (std::uint64_t cap = 2; cap < 1 + euro.size(); ++cap) {
    OutputCapture capture(cap);
    capture.append("a");
    capture.append(euro);
    CHECK(capture.text() == "a");
    CHECK(capture.truncated());
  }
}

TEST_CASE("a character that ends at the cap stays", "[output_capture]") {
  OutputCapture capture(4);
  capture.append("a\xe2\x82");
  capture.append(
      "\xac"
      "b");
  CHECK(capture.text() == "a\xe2\x82\xac");
  CHECK(capture.truncated());
}

TEST_CASE("a character that the job itself did not finish stays", "[output_capture]") {
  OutputCapture capture(100);
  capture.append("a\xe2\x82");
  CHECK(capture.text() == "a\xe2\x82");
  CHECK_FALSE(capture.truncated());
}

}  // namespace
}  // namespace pyexec
