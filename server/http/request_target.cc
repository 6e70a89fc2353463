#include "server/http/request_target.h"

#include <boost/url/authority_view.hpp>
#include <boost/url/decode_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/url_view.hpp>

namespace pyexec {

namespace urls = boost::urls;

std::string_view origin_form(std::string_view target) {
  if (target.starts_with('/')) return target;
  const auto url = urls::parse_uri(target);
  const bool is_http =
      url && (url->scheme_id() == urls::scheme::http || url->scheme_id() == urls::scheme::https);
  if (!is_http) return target;
  const std::string_view path = url->encoded_path();
  if (path.empty()) return "/";
  // Boost 1.81 takes "http://host:x" for a host and a path.
  if (path.front() != '/') return target;
  return target.substr(static_cast<std::size_t>(path.data() - target.data()));
}

std::string_view path_of(std::string_view target) {
  const std::string_view origin = origin_form(target);
  return origin.substr(0, origin.find('?'));
}

std::optional<std::string> percent_decoded(std::string_view text) {
  const auto encoded = urls::make_pct_string_view(text);
  if (!encoded) return std::nullopt;
  std::string out;
  for (const char c : **encoded) out.push_back(c);
  return out;
}

bool is_host(std::string_view value) {
  const auto authority = urls::parse_authority(value);
  return authority && !authority->has_userinfo();
}

}  // namespace pyexec
