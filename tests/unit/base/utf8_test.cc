#include "server/base/utf8.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

const std::string kReplacement = "\xef\xbf\xbd";

std::string replacements(std::size_t count) {
  std::string out;
  while (count-- > 0) out += kReplacement;
  return out;
}

// The first and the last character of every length, and the neighbours of the surrogates.
const std::vector<std::string> kCharacters = {std::string(1, '\0'),
                                              "a",
                                              "\x7f",
                                              "\xc2\x80",
                                              "\xdf\xbf",
                                              "\xe0\xa0\x80",
                                              "\xed\x9f\xbf",
                                              "\xee\x80\x80",
                                              "\xef\xbf\xbf",
                                              "\xef\xbb\xbf",
                                              "\xf0\x90\x80\x80",
                                              "\xf0\x9f\x98\x80",
                                              "\xf4\x8f\xbf\xbf"};

struct Replaced {
  std::string bytes;
  std::size_t parts;
};

// Chapter 3 of the Unicode standard, tables 3-8 to 3-11, and their neighbours.
const std::vector<Replaced> kIllFormed = {
    {"\xc0\xaf", 2},
    {"\xc1\xbf", 2},
    {"\xe0\x80\xbf", 3},
    {"\xe0\x9f\xbf", 3},
    {"\xf0\x80\x80", 3},
    {"\xf0\x81\x82", 3},
    {"\xf0\x8f\xbf\xbf", 4},
    {"\xed\xa0\x80", 3},
    {"\xed\xbf\xbf", 3},
    {"\xf4\x90\x80\x80", 4},
    {"\xf4\x91\x92\x93", 4},
    {"\xf5\x80\x80\x80", 4},
    {"\xf8\x88\x80\x80\x80", 5},
    {"\xfe\xff", 2},
    {"\x80", 1},
    {"\xbf\x80", 2},
    {"\xc2", 1},
    {"\xe2\x82", 1},
    {"\xe1\x80", 1},
    {"\xf1\x80\x80", 1},
    {"\xf0\x90\x80", 1},
    {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf", 4},
};

TEST_CASE("valid text is left as it is", "[utf8]") {
  std::string all;
  for (const std::string& character : kCharacters) {
    CHECK(to_valid_utf8(character) == character);
    all += character;
  }
  CHECK(to_valid_utf8(all) == all);
  CHECK(to_valid_utf8("").empty());
}

TEST_CASE("each maximal part of an ill-formed sequence becomes one U+FFFD", "[utf8]") {
  for (const auto& [bytes, parts] : kIllFormed) {
    CAPTURE(bytes);
    CHECK(to_valid_utf8(bytes) == replacements(parts));
  }
}

TEST_CASE("what stands around an ill-formed sequence stays", "[utf8]") {
  for (const auto& [bytes, parts] : kIllFormed)
    for (const std::string& character : kCharacters) {
      CAPTURE(bytes, character);
      CHECK(to_valid_utf8(character + bytes + character) ==
            character + replacements(parts) + character);
    }
}

TEST_CASE("the standard's example of mixed sequences is replaced as printed there", "[utf8]") {
  CHECK(to_valid_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == replacements(8) + "A");
  CHECK(to_valid_utf8("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41") == replacements(8) + "A");
  CHECK(to_valid_utf8("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42") ==
        replacements(5) + "A" + replacements(2) + "B");
  CHECK(to_valid_utf8("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == replacements(4) + "A");
}

TEST_CASE("replaced text needs no second replacement", "[utf8]") {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string bytes = {static_cast<char>(first), static_cast<char>(second), 'a'};
      const std::string once = to_valid_utf8(bytes);
      if (to_valid_utf8(once) != once || once.back() != 'a')
        FAIL("bytes " << first << " " << second);
    }
}

TEST_CASE("a character cut at any byte is taken off, whole ones stay", "[utf8]") {
  const std::vector<std::string> text = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "b"};
  std::string whole;
  for (const std::string& character : text) {
    for (std::size_t bytes = 0; bytes < character.size(); ++bytes)
      CHECK(without_cut_character(whole + character.substr(0, bytes)) == whole);
    whole += character;
    CHECK(without_cut_character(whole) == whole);
  }
}

TEST_CASE("a tail that no byte could complete stays", "[utf8]") {
  for (const char* tail :
       {"\x80", "\xbf\xbf", "\x80\x80\x80\x80", "\xc0", "\xff", "\xe0\x80", "\xed\xa0",
        "\xf0\x80\x80", "\xf4\x90", "\xe2\x82\x41", "\xc3\xa9\xa9"}) {
    const std::string bytes = std::string("ab") + tail;
    CAPTURE(bytes);
    CHECK(without_cut_character(bytes) == bytes);
  }
}

TEST_CASE("only the last of two cut characters is taken off", "[utf8]") {
  CHECK(without_cut_character("a\xe2\x82\xf0\x9f") == "a\xe2\x82");
  CHECK(without_cut_character("\xe2\xf0") == "\xe2");
}

TEST_CASE("text that is nothing but a cut character becomes empty", "[utf8]") {
  for (const char* bytes : {"", "\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98"})
    CHECK(without_cut_character(bytes).empty());
}

TEST_CASE("every encoded surrogate is found, wherever it stands", "[utf8]") {
  for (int second = 0xa0; second <= 0xbf; ++second)
    for (int third = 0x80; third <= 0xbf; ++third) {
      const std::string surrogate = {'\xed', static_cast<char>(second), static_cast<char>(third)};
      for (const std::string& text : {surrogate, "a" + surrogate, surrogate + "b",
                                      "\xed\x9f\xbf" + surrogate + "\xed\x95\x9c"})
        if (!holds_surrogate(text)) FAIL("surrogate " << second << " " << third);
    }
}

TEST_CASE("text without surrogates holds none", "[utf8]") {
  std::string all;
  for (const std::string& character : kCharacters) {
    CHECK_FALSE(holds_surrogate(character));
    all += character;
  }
  CHECK_FALSE(holds_surrogate(all));
  CHECK_FALSE(holds_surrogate(""));
  CHECK_FALSE(holds_surrogate("\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4"));
}

}  // namespace
}  // namespace pyexec
