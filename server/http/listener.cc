#include "server/http/listener.h"

#include <algorithm>
#include <stdexcept>

#include "server/telemetry/log.h"

namespace pyexec {

using net::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kPause{50}, kBetweenLooks{50};
constexpr std::chrono::seconds kBetweenComplaints{10};
constexpr int kBacklog = 4096;
constexpr std::size_t kMostAtOnce = 64;  // then other work gets its turn
using ReusePort = net::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

void serve_detached(tcp::socket socket, HttpServer& server, Connections& connections) try {
  const auto executor = socket.get_executor();
  net::co_spawn(executor, serve_connection(std::move(socket), server, connections),
                [&log = server.log](std::exception_ptr exception) {
                  try {
                    if (exception) std::rethrow_exception(exception);
                  } catch (const std::exception& error) {
                    log.warn(std::string("a connection failed: ") + error.what());
                  }
                });
} catch (const std::bad_alloc&) {  // the socket is closed
}

// Accepts the connections that the kernel has queued until `most`, or PYEXEC_CONNECTIONS, are open,
// or until an error. The error is would_block when there are no more.
error_code accept_waiting(tcp::acceptor& acceptor, HttpServer& server, Connections& connections,
                          std::size_t most) {
  error_code error;
  for (std::size_t i = 0; i < most && connections.open() < server.limits.connections; ++i) {
    tcp::socket socket(acceptor.get_executor());
    acceptor.accept(socket, error);
    if (error == net::error::connection_aborted) continue;
    if (error) return error;
    serve_detached(std::move(socket), server, connections);
  }
  return error_code();
}

// Waits until there is room for one more: a connection closes, or can be asked to leave.
awaitable<void> make_room(HttpServer& server, Connections& connections) {
  while (connections.open() >= server.limits.connections) {
    const Deadline now = Clock::now(), leave = server.seats.next_leave();
    Deadline look = now + kBetweenLooks;
    if (leave <= now)
      server.seats.ask_to_leave();  // no other one is asked before it is gone
    else
      look = std::min(look, leave);
    co_await connections.wait_fewer_than(server.limits.connections, look);
  }
}

}  // namespace

tcp::acceptor bind_listener(net::any_io_executor executor, const ListenAddress& where) {
  error_code error;
  const auto parsed = net::ip::make_address(where.address, error);
  if (error)
    throw std::runtime_error("PYEXEC_ADDRESS='" + where.address + "' is not an IP address");
  const tcp::endpoint endpoint(parsed, where.port);
  tcp::acceptor acceptor(executor, endpoint.protocol());
  acceptor.set_option(net::socket_base::reuse_address(true));
  if (where.is_shared) acceptor.set_option(ReusePort(true));
  if (acceptor.bind(endpoint, error); error)
    throw std::runtime_error("cannot listen on " + where.address + " port " +
                             std::to_string(where.port) + ": " + error.message());
  return acceptor;
}

void start_listening(tcp::acceptor& acceptor) {
  error_code error;
  const auto endpoint = acceptor.local_endpoint();
  acceptor.non_blocking(true);
  if (acceptor.listen(kBacklog, error); error)
    throw std::runtime_error("cannot listen on " + endpoint.address().to_string() + " port " +
                             std::to_string(endpoint.port()) + ": " + error.message());
}

// Waits for readiness rather than for a connection, so that no accepted socket is ever lost.
awaitable<void> accept_connections(tcp::acceptor& acceptor, HttpServer& server,
                                   Connections& connections) {
  net::steady_timer pause(acceptor.get_executor());
  Deadline next_complaint = Clock::now();
  while (acceptor.is_open()) {
    auto [error] = co_await acceptor.async_wait(tcp::acceptor::wait_read, kAsTuple);
    if (!acceptor.is_open()) break;
    if (!error) co_await make_room(server, connections);
    if (!acceptor.is_open()) break;
    if (!error) error = accept_waiting(acceptor, server, connections, kMostAtOnce);
    if (!error || error == net::error::would_block) continue;
    if (Clock::now() >= next_complaint) {
      server.log.warn("cannot accept a connection: " + error.message());
      next_complaint = Clock::now() + kBetweenComplaints;
    }
    pause.expires_after(kPause);
    co_await pause.async_wait(kAsTuple);
  }
}

bool accept_all(tcp::acceptor& acceptor, HttpServer& server, Connections& connections) {
  return !!accept_waiting(acceptor, server, connections, server.limits.connections);
}

}  // namespace pyexec
