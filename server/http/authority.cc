#include "server/http/authority.h"

#include <boost/url/authority_view.hpp>
#include <boost/url/parse.hpp>
#include <string>

#include "server/base/ascii.h"

namespace pyexec {

namespace urls = boost::urls;

std::optional<Authority> parse_authority(std::string_view text) {
  constexpr std::size_t kMostHostBytes = 253;
  const auto parsed = urls::parse_authority(text);
  if (!parsed || parsed->has_userinfo()) return std::nullopt;
  const std::string_view host = parsed->encoded_host(), port = parsed->port();
  if (host.empty() || host.size() > kMostHostBytes) return std::nullopt;
  // URL syntax allows host names that no server has.
  if (parsed->host_type() == urls::host_type::name && !is_alphanumeric_or(host, "._-"))
    return std::nullopt;
  const std::uint16_t number = parsed->port_number();
  if (parsed->has_port() && (number == 0 || port != std::to_string(number))) return std::nullopt;
  return Authority{host, port};
}

}  // namespace pyexec
