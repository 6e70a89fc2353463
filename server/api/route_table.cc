#include "server/api/route_table.h"

namespace pyexec {
namespace {

// Removes the part up to the next slash, and that slash.
std::string_view take_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('/'));
  rest.remove_prefix(part.size() == rest.size() ? part.size() : part.size() + 1);
  return part;
}

}  // namespace

bool matches(const Route& route, std::string_view path, PathParts& parts) {
  if (route.path.find('{') == std::string_view::npos) return route.path == path;
  std::string_view pattern = route.path, rest = path;
  while (!pattern.empty()) {
    const std::string_view wanted = take_part(pattern);
    if (wanted == "{file}") {
      parts.file = rest;
      return !rest.empty();
    }
    const bool is_last = rest.find('/') == std::string_view::npos;
    if (rest.empty() || (is_last && !pattern.empty()) || (!is_last && pattern.empty()))
      return false;
    const std::string_view part = take_part(rest);
    const bool is_name = wanted.starts_with('{');
    if (wanted == "{session}") parts.session = part;
    if (wanted == "{template}") parts.template_name = part;
    if (wanted == "{tool}") parts.tool = part;
    if (wanted == "{job}") parts.job = part;
    if (wanted == "{asset}") parts.asset = path.substr(1);
    if (is_name ? part.empty() : wanted != part) return false;
  }
  return rest.empty();
}

}  // namespace pyexec
