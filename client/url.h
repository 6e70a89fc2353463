// Where the service is. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pyexec::client {

struct Url {
  std::string host;    // without the brackets of an IPv6 address
  std::string port;    // digits
  std::string prefix;  // of every path: empty, or "/..." without a slash at its end

  std::string host_header() const;
};

struct Problem {
  std::string message;
};

// http://HOST[:PORT][/PREFIX]
std::variant<Url, Problem> parse_url(std::string_view text);

}  // namespace pyexec::client
