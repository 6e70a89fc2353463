// Character classes for names and headers, independent of the locale. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace pyexec {

constexpr bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_ascii_alphanumeric(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Whether every character is a letter, a digit or one of `others`. True for an empty text.
constexpr bool is_alphanumeric_or(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [others](char c) {
    return is_ascii_alphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

constexpr std::string_view trimmed(std::string_view text, std::string_view spaces) {
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) + 1 - first);
}

}  // namespace pyexec
