// How the server stops: in an order in which no request that it has read goes unanswered.
#pragma once

#include "server/config/config.h"
#include "server/http/http_connection.h"

namespace pyexec {

// `acceptor` is listening. In order: /health tells that this instance leaves, and for
// PYEXEC_LAME_DUCK_MS everything else goes on, each answer a connection's last; what waits to be
// accepted is, and the port closes; connections that stay idle are closed; accepted requests
// finish, or are ended and answered after PYEXEC_DRAIN_MS.
awaitable<void> drain(const Config& config, Lifecycle& lifecycle, HttpServer& server,
                      Connections& connections, net::ip::tcp::acceptor& acceptor);

}  // namespace pyexec
