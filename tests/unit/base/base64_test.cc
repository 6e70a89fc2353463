#include "server/base/base64.h"

#include "tests/support/catch.h"

using namespace pyexec;

TEST_CASE("the examples of RFC 4648 hold both ways", "[base64]") {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    CHECK(encode_base64(bytes) == text);
    CHECK(decode_base64(text) == bytes);
  }
}

TEST_CASE("every byte survives, in texts longer than a piece", "[base64]") {
  std::string bytes((3 << 20) + 100, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  CHECK(decode_base64(encode_base64(bytes)) == bytes);
}

TEST_CASE("the alphabet for URLs, white space and no padding are taken", "[base64]") {
  CHECK(decode_base64("-_8") == "\xfb\xff");
  CHECK(decode_base64("+/8=") == "\xfb\xff");
  CHECK(decode_base64(" Zm9v\r\nYmFy\t\n") == "foobar");
  CHECK(decode_base64("Zg") == "f");
  CHECK(decode_base64("Zg= =") == "f");
}

TEST_CASE("what is not base64 is refused", "[base64]") {
  for (const char* text :
       {"Z", "Zm9vY", "Zg=", "Zg===", "Zm9v=", "=", "Zg==Zg==", "Zm9*", "Z\x01g=", "Zm9v\xc3\xa9"})
    CHECK_FALSE(decode_base64(text));
}
