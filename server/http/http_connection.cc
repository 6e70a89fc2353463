#include "server/http/http_connection.h"

#include <utility>

#include "sandbox/base/times.h"
#include "server/http/client_subject.h"
#include "server/http/http_exchange.h"
#include "server/telemetry/log.h"

namespace pyexec {

using net::ip::tcp;

namespace {

constexpr std::size_t kFirstReadBytes = 8 << 10;
// Bytes read ahead of the parser. It needs chunk extensions and trailers in one piece, and none of
// its limits covers them. A header within its limit fits in here.
constexpr std::size_t kBufferBytes = 64 << 10;

std::uint16_t port_of(const tcp::socket& socket) {
  error_code ignored;
  return socket.local_endpoint(ignored).port();
}

}  // namespace

class HttpConnection {
 public:
  HttpConnection(tcp::socket socket, const net::ip::address& client, HttpServer& server,
                 Connections& connections)
      : connection_{boost::beast::tcp_stream(std::move(socket)),
                    boost::beast::flat_buffer(kBufferBytes), client, 0, nullptr},
        server_(server),
        connections_(connections),
        is_late_(connections.is_late()) {
    connection_.port = port_of(connection_.stream.socket());
    seat_.emplace(server.seats, client_subject(connection_.client), [this] { leave(); });
    connection_.seat = &*seat_;
    connections_.add(*this);
    ++server_.connections;
  }
  ~HttpConnection() {
    connections_.remove(*this);
    --server_.connections;
  }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  awaitable<void> run() {
    error_code ignored;
    connection_.stream.socket().set_option(tcp::no_delay(true), ignored);
    limit_silence();
    while (co_await serve_request()) {
    }
    connection_.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  // Ends the wait for a request. Data that was read is a request even if its coroutine has not
  // resumed yet: a completed read cannot be cancelled.
  void end_if_idle() {
    if (idle_ && is_silent()) connection_.stream.cancel();
  }
  void end_if_unbegun() {
    if (!has_head_ && is_silent()) connection_.stream.cancel();
  }
  void close() {
    error_code ignored;
    connection_.stream.socket().close(ignored);
  }

 private:
  // Makes room for another client. Once for each request, a client stays that has sent something
  // which was not looked at yet. What is complete is served, as in end_if_idle.
  void leave() {
    const bool is_first = !std::exchange(was_asked_to_leave_, true);
    if (is_first) seat_->wait(Clock::now());
    if (!is_first || is_silent()) connection_.stream.cancel();
  }
  bool is_silent() {
    error_code ignored;
    return connection_.stream.socket().available(ignored) == 0;
  }

  // Detects a client whose machine is gone: it sends nothing any more, not even a close.
  void limit_silence() {
    using UserTimeout = net::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
    error_code ignored;
    const auto ms = static_cast<int>(server_.limits.read_timeout.count());
    connection_.stream.socket().set_option(UserTimeout(ms), ignored);
  }

  // Uses its own timeout: a connection may be idle for long, a request that has begun may not.
  awaitable<bool> await_request() {
    if (connection_.buffer.size() > 0) co_return true;
    if (connections_.closes_idle() && has_served_ && is_silent()) co_return false;
    error_code error;
    do {
      idle_ = true;
      connection_.stream.expires_after(server_.limits.idle_timeout);
      const auto [read_error, size] = co_await connection_.stream.async_read_some(
          connection_.buffer.prepare(kFirstReadBytes), kAsTuple);
      idle_ = false;
      error = read_error;
      if (!error) connection_.buffer.commit(size);
    } while (error == net::error::operation_aborted && !is_silent());  // data arrived just then
    co_return !error;
  }

  // Returns whether the connection can take another request.
  awaitable<bool> serve_request() {
    was_asked_to_leave_ = false;
    seat_->wait(Clock::now());
    if (!co_await await_request()) co_return false;
    HttpExchange exchange(connection_, server_);
    std::optional<Response> response;
    const error_code error = co_await exchange.read_head();
    has_head_ = true;
    if (error)
      response = exchange.refuse_head(error);
    else
      response = co_await answer(exchange);
    const bool is_job = response && response->outcome;
    if (!response && error) co_return false;  // the client has gone
    const bool may_stay = !error && connections_.keeps();
    const bool is_good = co_await exchange.finish(
        std::move(response), may_stay ? HttpExchange::After::keep : HttpExchange::After::close);
    account(exchange);
    // The record's outcome, because if there was no room for the answer, another one was sent.
    if (is_job)
      server_.metrics.count_answer(*exchange.record().outcome, exchange.record().key,
                                   client_of(exchange.cancellation()));
    has_head_ = false;
    has_served_ = true;
    co_return is_good;
  }

  void account(HttpExchange& exchange) {
    RequestRecord& record = exchange.record();
    record.ended_ns = sandbox::monotonic_ns();
    // Even if the kernel took some of an answer.
    if (client_of(exchange.cancellation()) == Metrics::Client::gone) record.status = 0;
    if (record.outcome && !record.batch_done)
      server_.metrics.observe_request(record.ended_ns - record.began_ns);
    server_.request_log.write(record);
  }

  awaitable<std::optional<Response>> answer(HttpExchange& exchange) {
    try {
      if (is_late_)
        if (auto refusal = server_.handler->refuse_late(exchange.head().target()))
          co_return refusal;
      co_return co_await server_.handler->answer(exchange);
    } catch (const std::exception& error) {
      server_.log.warn(std::string("a request failed: ") + error.what());
      co_return execute_error(OutcomeKind::internal, 500, "internal error");
    }
  }

  ConnectionState connection_;
  std::optional<Seats::Seat> seat_;
  HttpServer& server_;
  Connections& connections_;
  const bool is_late_;
  bool idle_ = false, has_head_ = false, has_served_ = false, was_asked_to_leave_ = false;
};

void Connections::end_unbegun() {
  for (HttpConnection* connection : open_) connection->end_if_unbegun();
}

void Connections::end_idle() {
  closes_idle_ = true;
  for (HttpConnection* connection : open_) connection->end_if_idle();
}

void Connections::close_all() {
  for (HttpConnection* connection : open_) connection->close();
}

void Connections::remove(HttpConnection& connection) {
  open_.erase(&connection);
  for (net::steady_timer* timer : waiting_) timer->cancel();
}

awaitable<void> Connections::wait_fewer_than(std::size_t count, Deadline deadline) {
  net::steady_timer timer(co_await net::this_coro::executor);
  waiting_.insert(&timer);
  while (open_.size() >= count && Clock::now() < deadline) {
    timer.expires_at(deadline);
    co_await timer.async_wait(kAsTuple);
  }
  waiting_.erase(&timer);
}

namespace {

awaitable<void> run(std::unique_ptr<HttpConnection> connection) {
  if (connection) co_await connection->run();
}

}  // namespace

awaitable<void> serve_connection(tcp::socket socket, HttpServer& server, Connections& connections) {
  // Once reset, it has no address, so that whatever it has sent is of nobody.
  error_code error;
  const auto client = socket.remote_endpoint(error).address();
  if (error) return run(nullptr);
  return run(std::make_unique<HttpConnection>(std::move(socket), client, server, connections));
}

}  // namespace pyexec
