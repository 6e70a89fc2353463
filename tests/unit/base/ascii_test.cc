#include "server/base/ascii.h"

#include <string>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

TEST_CASE("letters and digits of ASCII are alphanumeric and no other byte is", "[ascii]") {
  const std::string alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    CHECK(is_ascii_alphanumeric(c) == (alphanumeric.find(c) != std::string::npos));
  }
}

TEST_CASE("a text of letters, digits and others holds nothing else", "[ascii]") {
  CHECK(is_alphanumeric_or("a.B-9", ".-"));
  CHECK(is_alphanumeric_or("", ""));
  CHECK_FALSE(is_alphanumeric_or("a_b", ".-"));
  CHECK_FALSE(is_alphanumeric_or(std::string_view("a\0", 2), ".-"));
  CHECK_FALSE(is_alphanumeric_or("\xc3\xa9", ".-"));
}

TEST_CASE("spaces are trimmed at both ends only", "[ascii]") {
  CHECK(trimmed(" \ta b\t ", " \t") == "a b");
  CHECK(trimmed("a", " ") == "a");
  CHECK(trimmed(" \t", " \t").empty());
  CHECK(trimmed("", " ").empty());
}

}  // namespace
}  // namespace pyexec
