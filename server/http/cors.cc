#include "server/http/cors.h"

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <optional>

#include "server/base/ascii.h"
#include "server/http/authority.h"
#include "server/job/input_rules.h"

namespace pyexec {
namespace {

constexpr std::string_view kMethods[] = {"POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
constexpr const char* kAllowMethods = "POST, GET, HEAD, PUT, DELETE, OPTIONS";
// "*" would not cover Authorization.
constexpr const char* kAllowHeaders =
    "Authorization, Content-Type, Content-Encoding, X-Request-Id, Accept, Pyexec-Session, "
    "MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, Prefer, "
    "If-None-Match";
constexpr const char* kMaxAgeSeconds = "600";
constexpr const char* kExposeHeaders =
    "Pyexec-Outcome, Pyexec-Hint, Server-Timing, X-Request-Id, Retry-After, RateLimit-Limit, "
    "RateLimit-Remaining, RateLimit-Reset, Location, Pyexec-Session, Preference-Applied, ETag";

// Returns the origin as browsers send it in an Origin header; nullopt if `entry` is none.
std::optional<std::string> to_origin(std::string_view entry) {
  const std::string text = boost::to_lower_copy(std::string(entry));
  const auto url = boost::urls::parse_uri(text);
  if (!url || !url->encoded_resource().empty()) return std::nullopt;
  const auto authority = parse_authority(std::string_view(url->encoded_authority()));
  if (!authority) return std::nullopt;
  const bool is_default =
      !authority->port.empty() && url->port_number() == boost::urls::default_port(url->scheme_id());
  return is_default ? text.substr(0, text.rfind(':')) : text;
}

}  // namespace

boost::system::result<CorsPolicy, Problem> CorsPolicy::parse(std::string_view origins) {
  constexpr std::string_view kSpaces = " \t", kEvery = "*";
  CorsPolicy policy;
  const std::string_view list = trimmed(origins, kSpaces);
  policy.any_ = list == kEvery;
  if (list.empty() || policy.any_) return policy;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    const std::string_view entry = trimmed(list.substr(at, end - at), kSpaces);
    if (entry == kEvery) return Problem{"'*' is every origin, and stands alone"};
    auto origin = to_origin(entry);
    if (!origin)
      return Problem{in_quotes(entry) + " is not an origin: scheme://host or scheme://host:port"};
    policy.origins_.push_back(*std::move(origin));
    at = end + 1;
  }
  return policy;
}

bool CorsPolicy::allows(std::string_view origin) const {
  return any_ || std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

Headers CorsPolicy::allowed_origin(std::string_view origin) const {
  if (any_) return {{"Access-Control-Allow-Origin", "*"}};
  return {{"Access-Control-Allow-Origin", std::string(origin)}, {"Vary", "Origin"}};
}

Headers CorsPolicy::headers_for(std::string_view origin) const {
  if (!is_on()) return {};
  // Without Vary a cache would give this answer to a page that may read it.
  if (!allows(origin)) return {{"Vary", "Origin"}};
  Headers headers = allowed_origin(origin);
  headers.emplace_back("Access-Control-Expose-Headers", kExposeHeaders);
  return headers;
}

Headers CorsPolicy::preflight(std::string_view origin, std::string_view requested_method) const {
  if (origin.empty() || !allows(origin)) return {};
  if (std::find(std::begin(kMethods), std::end(kMethods), requested_method) == std::end(kMethods))
    return {};
  Headers headers = allowed_origin(origin);
  headers.emplace_back("Access-Control-Allow-Methods", kAllowMethods);
  headers.emplace_back("Access-Control-Allow-Headers", kAllowHeaders);
  headers.emplace_back("Access-Control-Max-Age", kMaxAgeSeconds);
  return headers;
}

}  // namespace pyexec
