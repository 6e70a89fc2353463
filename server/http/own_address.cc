#include "server/http/own_address.h"

#include "server/http/authority.h"

namespace pyexec {

std::string own_address(const Exchange::Head& head, std::uint16_t port) {
  const std::string_view host = head[boost::beast::http::field::host];
  if (!parse_authority(host)) return "http://localhost:" + std::to_string(port);
  constexpr const char* kScheme = "X-Forwarded-Proto";
  const bool is_https = head.count(kScheme) == 1 && head[kScheme] == "https";
  return (is_https ? "https://" : "http://") + std::string(host);
}

}  // namespace pyexec
