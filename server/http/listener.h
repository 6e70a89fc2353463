// The accept loop.
#pragma once

#include "server/http/http_connection.h"

namespace pyexec {

// Bound to the configured address but not listening yet: a port that is taken shows before the pool
// is filled. Throws std::exception with a sentence for the operator.
net::ip::tcp::acceptor bind_listener(net::any_io_executor executor, const std::string& address,
                                     std::uint16_t port);

// From here on clients can connect. Throws as above.
void start_listening(net::ip::tcp::acceptor& acceptor);

// Accepts until the acceptor is closed. Running out of descriptors pauses it; nothing else ends it.
awaitable<void> accept_connections(net::ip::tcp::acceptor& acceptor, HttpServer& server,
                                   Connections& connections);

// Those that the kernel has accepted already, without waiting for more. False if there may be some
// for which PYEXEC_CONNECTIONS leaves no room.
bool accept_all(net::ip::tcp::acceptor& acceptor, HttpServer& server, Connections& connections);

}  // namespace pyexec
