// The head of an answer as the bytes that go out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pyexec {

struct ResponseHead {
  enum class Framing { length, chunked, until_close };

  unsigned status;
  unsigned version;  // 10 or 11: that of the request
  Framing framing = Framing::until_close;
  std::uint64_t length = 0;  // bytes; for Framing::length. A 204 has none
  bool keep_alive = false;

  // A field, in the order of the calls. A value with a line end in it would begin another field:
  // everything from there on is left out.
  void add(std::string_view name, std::string_view value);
  // The status line, the fields, those of framing and connection, and the empty line.
  std::string text() const;

  std::string fields = {};
};

}  // namespace pyexec
