// Stops the server in an order that leaves no request unanswered that it has read.
#pragma once

#include <functional>

#include "server/http/http_connection.h"

namespace pyexec {

struct DrainTimes {
  std::chrono::milliseconds lame_duck, drain;
};

// `acceptor` is listening. In order: /health reports that this instance is leaving, and for
// times.lame_duck everything else goes on, each answer being its connection's last; pending
// connections are accepted, and the port closes; connections that stay idle are closed; accepted
// requests finish, or are ended and answered after times.drain. As long as `is_awaited`, requests
// are to come that accepted ones wait for: the port stays open, and refuses others.
awaitable<void> drain(const DrainTimes& times, Lifecycle& lifecycle, HttpServer& server,
                      Connections& connections, net::ip::tcp::acceptor& acceptor,
                      std::function<bool()> is_awaited);

}  // namespace pyexec
