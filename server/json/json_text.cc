#include "server/json/json_text.h"

#include <algorithm>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kLong = 300;  // digits; the largest double has 309

struct Mistake {
  std::string_view begins;  // start of the text where the parser stopped
  std::string_view meaning;
};
constexpr Mistake kMistakes[] = {
    {"\n", "a raw line break in a string, which JSON writes as \\n"},
    {"\r", "a raw line break in a string, which JSON writes as \\r\\n"},
    {"\t", "a raw tab in a string, which JSON writes as \\t"},
    {"'", "JSON has double quotes around names and strings"},
    {"NaN", "JSON has no NaN"},
    {"Infinity", "JSON has no Infinity"},
    {"-Infinity", "JSON has no Infinity"},
    {"None", "JSON writes None as null"},
    {"True", "JSON writes True as true"},
    {"False", "JSON writes False as false"},
    {"undefined", "JSON has no undefined"},
    {"//", "JSON has no comments"},
    {"/*", "JSON has no comments"},
    {"#", "JSON has no comments"},
    {"\xff\xfe", "the body is UTF-16; JSON is sent as UTF-8"},
    {"\xfe\xff", "the body is UTF-16; JSON is sent as UTF-8"},
};

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

std::string explained(std::string_view text, std::size_t at, std::string_view what) {
  const std::string_view rest = text.substr(std::min(at, text.size()));
  const bool is_in_string = what.find("string") != std::string_view::npos;
  for (const Mistake& row : kMistakes) {
    if (!rest.starts_with(row.begins)) continue;
    // White space is an error only in strings.
    if (!is_control(rest.front()) || is_in_string) return std::string(row.meaning);
  }
  if (!rest.empty() && is_control(rest.front()) && is_in_string)
    return "a raw control character in a string, which JSON writes as \\u00XX";
  if (rest.empty() && is_in_string)
    return std::string(what) + " A line break in a string is written as \\n.";
  const std::size_t before =
      at == 0 ? std::string_view::npos : text.find_last_not_of(" \t\r\n", at - 1);
  const bool closes = !rest.empty() && (rest.front() == '}' || rest.front() == ']');
  if (closes && before != std::string_view::npos && text[before] == ',')
    return "JSON has no comma after the last of several";
  return std::string(what);
}

// Counts from 1, in characters.
std::string place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::string_view line = before.substr(before.rfind('\n') + 1);
  const auto column =
      std::count_if(line.begin(), line.end(), [](char c) { return (c & '\xc0') != '\x80'; });
  return " (line " + std::to_string(lines + 1) + ", column " + std::to_string(column + 1) + ")";
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

bool may_hold_long_integers(std::string_view text) {
  for (std::size_t i = kLong - 1; i < text.size(); i += kLong)
    if (is_ascii_digit(text[i])) return true;
  return false;
}

void hide_long_integers(std::string& text) {
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        in_string = false;
    } else if (text[i] == '"') {
      in_string = true;
    } else if (is_ascii_digit(text[i])) {
      const std::size_t begin = i;
      while (i + 1 < text.size() && is_ascii_digit(text[i + 1])) ++i;
      const char before = begin > 0 ? text[begin - 1] : ' ';
      const char after = i + 1 < text.size() ? text[i + 1] : ' ';
      const bool whole = std::string_view(".eE+").find(before) == std::string_view::npos &&
                         std::string_view(".eE").find(after) == std::string_view::npos;
      if (whole && i - begin + 1 >= kLong && text[begin] != '0') {
        text[begin] = '0';
        std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin) + 1,
                  text.begin() + static_cast<std::ptrdiff_t>(i) + 1, ' ');
      }
    }
  }
}

std::string_view number_at(std::string_view text, std::size_t place) {
  const std::size_t end = text.find_first_not_of("+-.0123456789eE", place);
  return text.substr(place, std::min(end, text.size()) - place);
}

std::string describe_json_error(std::string_view text, std::size_t at, std::string_view what) {
  std::string out = "invalid JSON at byte " + std::to_string(at) + ": " + explained(text, at, what);
  const bool is_control_byte = at < text.size() && is_control(text[at]) && text[at] != '\0';
  const bool has_lines = text.substr(0, at).find('\n') != std::string_view::npos;
  return is_control_byte || has_lines ? out + place_of(text, at) : out;
}

}  // namespace pyexec
