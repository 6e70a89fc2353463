// The part of a URL that names a server: "host" or "host:port". Pure.
#pragma once

#include <optional>
#include <string_view>

namespace pyexec {

struct Authority {
  std::string_view host;  // a name, an IPv4 address, or an IPv6 address in brackets
  std::string_view port;  // from 1 to 65535; empty if there is none
};

// Returns nullopt if the text is not of this form. Neither user names nor percent-encoding are
// accepted; the host has at most 253 characters, as in DNS.
std::optional<Authority> parse_authority(std::string_view text);

}  // namespace pyexec
