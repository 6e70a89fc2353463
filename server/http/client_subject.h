// What one client is called where room and tokens are shared out. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace pyexec {

// An IPv4 address, in IPv6's clothes or not; the /64 of an IPv6 address, of
// which each client has 2^64.
std::string client_subject(const boost::asio::ip::address& address);

}  // namespace pyexec
