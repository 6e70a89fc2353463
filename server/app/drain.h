// How the server stops: in an order in which no request that it has read goes unanswered.
#pragma once

#include "server/http/http_connection.h"

namespace pyexec {

struct DrainTimes {
  std::chrono::milliseconds lame_duck, drain;
};

// `acceptor` is listening. In order: /health tells that this instance leaves, and for
// times.lame_duck everything else goes on, each answer a connection's last; what waits to be
// accepted is, and the port closes; connections that stay idle are closed; accepted requests
// finish, or are ended and answered after times.drain.
awaitable<void> drain(const DrainTimes& times, Lifecycle& lifecycle, HttpServer& server,
                      Connections& connections, net::ip::tcp::acceptor& acceptor);

}  // namespace pyexec
