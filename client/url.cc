#include "client/url.h"

#include <algorithm>

namespace pyexec::client {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kPlainPort = "80";
constexpr unsigned kLargestPort = 65535;

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value >= 1 && value <= kLargestPort;
}

// What stands in a request line as it is.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

std::string Url::host_header() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == kPlainPort ? name : name + ":" + port;
}

std::variant<Url, Problem> parse_url(std::string_view text) {
  const auto refuse = [text](const std::string& why) {
    std::string message = "'";
    return Problem{message.append(text).append("' ").append(why)};
  };
  if (text.starts_with("https://"))
    return refuse(
        "is https, which pyexec-batch does not speak: put a TLS proxy in front of it, such as "
        "stunnel in client mode, and give the http address of that");
  if (!text.starts_with(kScheme) || !is_plain(text))
    return refuse("is not a URL as http://HOST:PORT or http://HOST:PORT/PREFIX");
  std::string_view rest = text.substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view prefix = rest.substr(authority.size());
  if (authority.find('@') != std::string_view::npos)
    return Problem{"a URL must not hold a user or a key; $PYEXEC_KEY and --key-file give one"};
  if (rest.find_first_of("?#") != std::string_view::npos)
    return refuse("has a '?' or '#', which the address of a service has not");
  while (prefix.ends_with('/')) prefix.remove_suffix(1);

  std::string_view host = authority, port = kPlainPort;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return refuse("has a '[' that is not closed");
    host = authority.substr(1, close - 1);
    const std::string_view after = authority.substr(close + 1);
    if (!after.empty() && after.front() != ':') return refuse("has no ':' between host and port");
    if (!after.empty()) port = after.substr(1);
  } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (host.empty()) return refuse("names no host");
  if (!is_port(port))
    return refuse("has the port '" + std::string(port) + "', which is no number from 1 to 65535");
  return Url{std::string(host), std::string(port), std::string(prefix)};
}

}  // namespace pyexec::client
