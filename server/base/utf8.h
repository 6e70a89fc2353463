// Turns the bytes that a job printed into text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pyexec {

// Replaces each maximal part of an ill-formed sequence by one U+FFFD (Unicode, chapter 3, "U+FFFD
// Substitution of Maximal Subparts"), as Python's errors="replace" does.
std::string to_valid_utf8(std::string_view bytes);

// Returns `bytes` without an incomplete character at its end.
std::string_view without_cut_character(std::string_view bytes);

// Whether otherwise valid UTF-8 encodes a surrogate, which is invalid. RapidJSON's escapes can
// produce one: it refuses "\ud800" alone but not "\udc00".
bool holds_surrogate(std::string_view text);

}  // namespace pyexec
