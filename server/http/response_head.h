// The head of an answer as bytes on the wire. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pyexec {

struct ResponseHead {
  enum class Framing { length, chunked, until_close };

  unsigned status;
  unsigned version;  // the request's: 10 or 11
  Framing framing = Framing::until_close;
  std::uint64_t length = 0;  // bytes; for Framing::length. A 204 and a 304 have none
  bool keep_alive = false;

  // Appends a field. A line end in a value would begin another field, so the value is cut there.
  void add(std::string_view name, std::string_view value);
  // Returns the status line, the fields, those of framing and connection, and the empty line.
  std::string text() const;

  std::string fields = {};
};

}  // namespace pyexec
