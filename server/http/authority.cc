#include "server/http/authority.h"

#include <charconv>
#include <cstdint>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostHostBytes = 253;

bool is_host(std::string_view text) {
  if (text.empty() || text.size() > kMostHostBytes) return false;
  if (!text.starts_with('[')) return is_alphanumeric_or(text, "._-");
  const auto end = text.find_first_not_of("0123456789abcdefABCDEF:.", 1);
  return end > 1 && end == text.size() - 1 && text[end] == ']';
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, port);
  return error == std::errc() && end == last && port > 0 && text.front() != '0';
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  // A colon in brackets belongs to the host.
  const auto bracket = text.find(']');
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = text.substr(0, colon);
  if (!is_host(host)) return std::nullopt;
  if (colon == std::string_view::npos) return Authority{host, {}};
  const std::string_view port = text.substr(colon + 1);
  if (!is_port(port)) return std::nullopt;
  return Authority{host, port};
}

}  // namespace pyexec
