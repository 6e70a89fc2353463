// JSON text as clients and scripts write it, around what RapidJSON makes of it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pyexec {

// Without the UTF-8 byte order mark that some editors and shells put before a text.
std::string_view without_byte_order_mark(std::string_view text);

// RapidJSON refuses integers beyond the range of a double, even where it only passes digits on.
// Each is hidden from it: "0" and spaces in its place, which the grammar allows after a number. The
// digits are then those that stand at the same place in the original.
void hide_long_integers(std::string& text);
// Whether there may be one. Looks at one byte in some hundred.
bool may_hold_long_integers(std::string_view text);
// The number that begins at `place`.
std::string_view number_at(std::string_view text, std::size_t place);

// "invalid JSON at byte 17: ...", with the line and column where that helps, and with what was
// probably meant. `what`: the parser's words for it.
std::string describe_json_error(std::string_view text, std::size_t at, std::string_view what);

}  // namespace pyexec
