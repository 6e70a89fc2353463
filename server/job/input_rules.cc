#include "server/job/input_rules.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "server/base/whole_number.h"

namespace pyexec {
namespace {

// Returns the number as it was sent. A long one is cut.
std::string shown_number(std::string_view text) {
  constexpr std::size_t kShown = 40;
  if (text.size() <= kShown) return std::string(text);
  return std::string(text.substr(0, kShown)) + "... (" + std::to_string(text.size()) +
         " characters)";
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 200;
  std::string out = "'";
  out += text.substr(0, kShown);
  out += text.size() > kShown ? "...'" : "'";
  return out;
}

boost::system::result<std::uint64_t, Problem> parse_limit(std::string_view name,
                                                          std::string_view text,
                                                          std::uint64_t most) {
  using Is = WholeNumber::Is;
  const auto [is, value] = parse_whole(text);
  if (is == Is::negative || is == Is::fraction || (is == Is::value && value == 0))
    return Problem{in_quotes(name) + " field must be a whole number from 1 to " +
                   std::to_string(most) + ", not " + shown_number(text)};
  if (is == Is::too_large || value > most)
    return Problem{in_quotes(name) + " is " + shown_number(text) + ", more than the limit of " +
                   std::to_string(most)};
  return value;
}

std::string plain_path(std::string_view name) {
  std::string out;
  for (std::size_t at = 0, end = 0; at <= name.size(); at = end + 1) {
    end = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, end - at);
    const bool is_root = at == 0 && part.empty();
    if ((part.empty() || part == ".") && end < name.size() && !is_root) continue;
    out += part;
    if (end < name.size()) out += '/';
  }
  return out;
}

std::optional<std::string> problem_with_name(std::string_view name) {
  constexpr std::size_t kPartBytes = 255;
  if (name.empty()) return "is empty";
  if (name.size() > kNameBytes) return "is longer than " + std::to_string(kNameBytes) + " bytes";
  if (name.find('\0') != std::string_view::npos) return "holds a NUL byte";
  if (name.front() == '/') return "is an absolute path";
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, end - at);
    if (part.empty()) return "has an empty part";
    if (part == "." || part == "..") return "has a part " + in_quotes(part);
    if (part.size() > kPartBytes)
      return "has a part longer than " + std::to_string(kPartBytes) + " bytes";
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> problem_with_tool_name(std::string_view name) {
  constexpr std::size_t kMostBytes = 64;
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  constexpr std::string_view kKeywords[] = {
      "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
      "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
      "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
      "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};
  const bool is_identifier =
      !name.empty() && kLetters.find(name.front()) != std::string_view::npos &&
      name.find_first_not_of(std::string(kLetters) + "0123456789") == std::string_view::npos;
  if (!is_identifier) return "must be a name of Python: letters, digits and _";
  if (name.size() > kMostBytes) return "is longer than " + std::to_string(kMostBytes) + " letters";
  if (std::find(std::begin(kKeywords), std::end(kKeywords), name) != std::end(kKeywords))
    return "is a keyword of Python; call it " + std::string(name) + "_";
  if (name == "main" || name == "ToolError" || name.starts_with("__"))
    return "means something else in a script; choose another name";
  return std::nullopt;
}

bool is_relative_path(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = end + 1;
  }
  return true;
}

bool is_allowed_name(std::string_view name, std::string_view allowed) {
  while (!allowed.empty()) {
    const std::string_view pattern = allowed.substr(0, allowed.find(','));
    allowed.remove_prefix(std::min(allowed.size(), pattern.size() + 1));
    const bool is_prefix = pattern.ends_with('*');
    if (is_prefix ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern)
      return true;
  }
  return false;
}

std::optional<std::string> problem_with_variable(std::string_view name, std::string_view value,
                                                 std::string_view allowed) {
  // Locales of every jail. For others setlocale() would say "unsupported locale setting".
  constexpr std::string_view kLocales[] = {"", "C", "POSIX", "C.UTF-8", "C.utf8"};
  if (!is_allowed_name(name, allowed) || name.find('=') != std::string_view::npos)
    return "is not one of the allowed names: " + std::string(allowed);
  if (value.find('\0') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    return "holds a NUL byte";
  const bool is_locale = name == "LANG" || name.starts_with("LC_");
  if (is_locale && std::find(std::begin(kLocales), std::end(kLocales), value) == std::end(kLocales))
    return "is " + in_quotes(value) +
           ", a locale that is not there: there are C, C.UTF-8 and POSIX";
  return std::nullopt;
}

}  // namespace pyexec
