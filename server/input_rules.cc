#include "server/input_rules.h"

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>

namespace pyexec {

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 200;
  std::string out = "'";
  out += text.substr(0, kShown);
  out += text.size() > kShown ? "...'" : "'";
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
    if (part == "." || part == "..") return "has a part " + quoted(part);
    if (part.size() > kPartBytes)
      return "has a part longer than " + std::to_string(kPartBytes) + " bytes";
    at = end + 1;
  }
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

std::optional<std::string> decode_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  if (text.size() % 4 != 0) return std::nullopt;  // `decode` would write beyond `decoded_size`
  std::string out(base64::decoded_size(text.size()), '\0');
  const auto [written, read] = base64::decode(out.data(), text.data(), text.size());
  const std::string_view rest = text.substr(read);
  if (rest.size() > 2 || rest != std::string_view("==").substr(0, rest.size())) return std::nullopt;
  out.resize(written);
  return out;
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
  // Those that every jail has; of another one setlocale() would say "unsupported locale setting".
  constexpr std::string_view kLocales[] = {"", "C", "POSIX", "C.UTF-8", "C.utf8"};
  if (!is_allowed_name(name, allowed) || name.find('=') != std::string_view::npos)
    return "is not one of the allowed names: " + std::string(allowed);
  if (value.find('\0') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    return "holds a NUL byte";
  const bool is_locale = name == "LANG" || name.starts_with("LC_");
  if (is_locale && std::find(std::begin(kLocales), std::end(kLocales), value) == std::end(kLocales))
    return "is " + quoted(value) + ", a locale that is not there: there are C, C.UTF-8 and POSIX";
  return std::nullopt;
}

}  // namespace pyexec
