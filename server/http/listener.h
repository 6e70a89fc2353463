// The accept loop.
#pragma once

#include "server/http/http_connection.h"

namespace pyexec {

struct ListenAddress {
  const std::string& address;
  std::uint16_t port;
  // Whether other processes of the same user may listen there too, each of which says so.
  bool is_shared;
};

// Binds to the configured address without listening yet, so that a port in use is reported before
// the pool is filled. Throws std::exception with a message for the operator.
net::ip::tcp::acceptor bind_listener(net::any_io_executor executor, const ListenAddress& where);

// Lets clients connect. Throws as above.
void start_listening(net::ip::tcp::acceptor& acceptor);

// Accepts until the acceptor is closed. If descriptors run out it pauses; no error ends it.
awaitable<void> accept_connections(net::ip::tcp::acceptor& acceptor, HttpServer& server,
                                   Connections& connections);

// Accepts the connections that the kernel has queued, without waiting for more. Returns false if
// some may be left because PYEXEC_CONNECTIONS is reached.
bool accept_all(net::ip::tcp::acceptor& acceptor, HttpServer& server, Connections& connections);

}  // namespace pyexec
