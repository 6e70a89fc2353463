// The service's address as its clients know it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "server/http/exchange.h"

namespace pyexec {

// Returns "http://host:port" from the request's Host header, with the scheme in X-Forwarded-Proto
// if that is exactly "http" or "https". Returns "http://localhost:PORT" if Host is missing or is
// more than a host and a port.
std::string own_address(const Exchange::Head& head, std::uint16_t port);

}  // namespace pyexec
