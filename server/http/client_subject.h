// The name of a client in the sharing of room and tokens. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace pyexec {

// Returns an IPv4 address, also if it is IPv4-mapped; for an IPv6 address its /64, because each
// client has 2^64 addresses.
std::string client_subject(const boost::asio::ip::address& address);

}  // namespace pyexec
