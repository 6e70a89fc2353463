// Bytes that a job printed, as text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pyexec {

// Each maximal part of an ill-formed sequence becomes one U+FFFD (Unicode, chapter 3, "U+FFFD
// Substitution of Maximal Subparts"; what Python's errors="replace" does).
std::string to_valid_utf8(std::string_view bytes);

// `bytes` without a character at its end that was cut in two.
std::string_view without_cut_character(std::string_view bytes);

// Whether UTF-8 that is otherwise valid encodes a surrogate, which no valid UTF-8 does. RapidJSON's
// escapes can produce one: it refuses "\ud800" alone but not "\udc00".
bool holds_surrogate(std::string_view text);

}  // namespace pyexec
