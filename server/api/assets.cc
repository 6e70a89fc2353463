#include "server/api/assets.h"

#include <algorithm>

#include "server/base/fill.h"
#include "server/http/own_address.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kPlayground = "playground/";

// Nothing from other hosts, nothing inline. What a script has shown as HTML is in a frame whose
// sandbox has neither scripts nor an origin.
constexpr const char* kPlaygroundPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

bool is_served(const Api& api, std::string_view path) {
  return api.settings.has_playground || !path.starts_with(kPlayground);
}

const Asset* find_asset(const Api& api, std::string_view path) {
  const auto found = std::find_if(api.assets.begin(), api.assets.end(),
                                  [&](const Asset& asset) { return asset.path == path; });
  return found != api.assets.end() && is_served(api, path) ? &*found : nullptr;
}

// RFC 9110, 13.1.2: "*", or a list of tags, which may be weak.
bool has_tag(std::string_view if_none_match, std::string_view tag) {
  return if_none_match == "*" || if_none_match.find(tag) != std::string_view::npos;
}

}  // namespace

Response asset_response(const Api& api, const Exchange& exchange, std::string_view path) {
  const Asset* asset = find_asset(api, path);
  if (asset == nullptr)
    return error_response(404, "no such file; GET / has links to those there are");
  Response response = {200, ""};
  if (has_tag(exchange.head()[http::field::if_none_match], asset->entity_tag))
    response.status = 304;
  else
    response.body = asset->content;
  response.content_type = asset->media_type;
  response.headers.emplace_back("ETag", asset->entity_tag);
  response.headers.emplace_back("Cache-Control", "no-cache");  // the next version has the same path
  if (asset->media_type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kPlaygroundPolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
  }
  return response;
}

Response front_response(const Api& api, const Exchange& exchange) {
  constexpr std::string_view kIndex = "playground/index.html";
  return find_asset(api, kIndex) != nullptr ? asset_response(api, exchange, kIndex)
                                            : about_response(api, exchange);
}

Response about_response(const Api& api, const Exchange& exchange) {
  const std::string address = own_address(exchange.head(), exchange.port());
  const Blank blanks[] = {{"address", html_escaped(address)}};
  Response response = {200, fill(api.page, blanks)};
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; style-src 'unsafe-inline'");
  response.headers.emplace_back("Cache-Control",
                                "no-store");  // the next client may use another address
  return response;
}

}  // namespace pyexec
