// Handling of JSON text that RapidJSON lacks: byte order marks, long integers, errors. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pyexec {

// Removes the UTF-8 byte order mark that some editors and shells put before a text.
std::string_view without_byte_order_mark(std::string_view text);

// Replaces each long integer by "0" and spaces, which the grammar allows after a number. RapidJSON
// refuses integers beyond the range of a double, even if it only passes digits on. The digits are
// at the same place in the original.
void hide_long_integers(std::string& text);
// Whether there may be a long integer. Reads one byte in some hundred.
bool may_hold_long_integers(std::string_view text);
// Returns the number that begins at `place`.
std::string_view number_at(std::string_view text, std::size_t place);

// Returns "invalid JSON at byte 17: ...", with the line and column if that helps, and with what was
// probably meant. what: the parser's message.
std::string describe_json_error(std::string_view text, std::size_t at, std::string_view what);

}  // namespace pyexec
