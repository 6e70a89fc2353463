#include "server/http_session.h"

#include <sys/socket.h>

#include <boost/beast/http.hpp>

#include "sandbox/base/phases.h"
#include "server/job_request.h"
#include "server/log.h"
#include "server/routes.h"

namespace pyexec {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;

namespace {

constexpr std::uint32_t kHeaderBytes = 16 << 10;
constexpr std::size_t kFirstReadBytes = 8 << 10;
// What is read ahead of the parser. No limit of the parser's covers chunk extensions and trailers,
// which it wants in one piece; a header that fits its limit fits in here.
constexpr std::size_t kBufferBytes = 64 << 10;
// A client that is still sending when it is refused would see a reset instead of the answer, so
// some of what it sends is read first.
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr std::chrono::seconds kLingerTime{2};

}  // namespace

class HttpSession {
 public:
  HttpSession(tcp::socket socket, Service& service, Sessions& sessions)
      : stream_(std::move(socket)), service_(service), sessions_(sessions) {
    sessions_.add(*this);
  }
  ~HttpSession() { sessions_.remove(*this); }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  awaitable<void> run() {
    error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    while (co_await serve_request()) {
    }
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  void close_if_idle() {
    if (idle_) close();
  }
  void close() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  // Whether the connection is good for another request.
  awaitable<bool> serve_request() {
    auto body = *service_.body_bytes.try_admit(0);  // grows; held as long as `request`
    Parser parser;
    parser.header_limit(kHeaderBytes);
    parser.body_limit(largest_body_bytes(service_.job_caps));

    const error_code error = co_await read_request(parser, body);
    if (error) {
      if (auto refusal = refuse(error, parser)) {
        count(*refusal);
        co_await refuse_and_linger(*std::move(refusal));
      }
      co_return false;
    }
    const Request request = parser.release();
    Response response = co_await answer(request);
    count(response);
    const auto begun_ns = response.begun_ns;
    auto message = to_http(std::move(response), request.version());
    message.keep_alive(request.keep_alive() && !sessions_.draining());
    if (request.method() != http::verb::head) {
      const bool is_good = co_await write(message);
      if (begun_ns)
        service_.metrics.observe(RequestPhase::reply, sandbox::monotonic_ns() - *begun_ns);
      co_return is_good;
    }
    // The header of the same answer, its Content-Length included.
    http::response<http::empty_body> header(message.base());
    co_return co_await write(header);
  }

  awaitable<error_code> read_request(Parser& parser, Admission::Permit& body) {
    // Two clocks: a connection may be idle for long, a request that has begun may not.
    if (buffer_.size() == 0) {
      idle_ = true;
      stream_.expires_after(std::chrono::milliseconds(service_.config.idle_timeout_ms));
      const auto [error, size] =
          co_await stream_.async_read_some(buffer_.prepare(kFirstReadBytes), kAsTuple);
      if (error) co_return http::error::end_of_stream;
      buffer_.commit(size);
      idle_ = false;
    }
    stream_.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
    const auto [header_error, header_size] =
        co_await http::async_read_header(stream_, buffer_, parser, kAsTuple);
    if (header_error) co_return header_error;
    // Read as "no body" by the parser: what follows would be taken for the next request.
    const auto encoding = parser.get()[http::field::transfer_encoding];
    if (!encoding.empty() && (!beast::iequals(encoding, "chunked") || parser.get().version() < 11 ||
                              parser.get().count(http::field::transfer_encoding) > 1))
      co_return http::error::bad_transfer_encoding;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
      const auto [error, size] = co_await http::async_write(stream_, go_on, kAsTuple);
      if (error) co_return error;
    }
    // What has come counts, not what is announced.
    while (!parser.is_done()) {
      const auto [body_error, body_size] =
          co_await http::async_read_some(stream_, buffer_, parser, kAsTuple);
      if (body_error) co_return body_error;
      if (!body.grow(parser.get().body().size())) co_return net::error::no_buffer_space;
    }
    co_return error_code();
  }

  std::optional<Response> refuse(error_code error, const Parser& parser) const {
    if (error == http::error::end_of_stream || error == beast::error::timeout) return std::nullopt;
    if (error == net::error::no_buffer_space) return too_busy(parser.get().target());
    if (error == http::error::body_limit) return too_large(service_, parser.get().target());
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return error_response(431, "request header is larger than the limit");
    if (error.category() == make_error_code(http::error::bad_method).category())
      return error_response(400, "malformed HTTP request: " + error.message());
    return std::nullopt;  // the connection broke
  }

  awaitable<Response> answer(const Request& request) {
    const auto cancellation = std::make_shared<Cancellation>();
    service_.jobs.insert(cancellation.get());
    watch_client(cancellation);
    Response response = {500, ""};
    try {
      response = co_await route(service_, request, *cancellation);
    } catch (const std::exception& error) {
      log_line(std::string("a request failed: ") + error.what());
      response = execute_error(OutcomeKind::internal, 500, "internal error");
    }
    service_.jobs.erase(cancellation.get());
    error_code ignored;
    stream_.socket().cancel(ignored);  // the watch
    co_return response;
  }

  void count(const Response& response) {
    if (response.outcome) service_.metrics.count_answer(*response.outcome);
  }

  // A client that goes away cancels its job. One that sends on (pipelining) is not watched any
  // more.
  void watch_client(std::weak_ptr<Cancellation> watched) {
    if (buffer_.size() > 0) return;
    stream_.socket().async_wait(tcp::socket::wait_read, [this, watched](error_code error) {
      const auto cancellation = watched.lock();  // while it lives, so does this session
      if (error || !cancellation) return;
      char byte;
      const auto got = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (got == 0 || (got == -1 && errno != EAGAIN)) cancellation->request();
    });
  }

  static http::response<http::string_body> to_http(Response response, unsigned version) {
    http::response<http::string_body> message(static_cast<http::status>(response.status), version);
    message.set(http::field::content_type, response.content_type);
    message.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.body() = std::move(response.body);
    message.prepare_payload();
    return message;
  }

  // Whether the connection is good for another request.
  template <typename Message>
  awaitable<bool> write(Message& message) {
    stream_.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
    const auto [error, size] = co_await http::async_write(stream_, message, kAsTuple);
    co_return !error && message.keep_alive();
  }

  awaitable<void> refuse_and_linger(Response response) {
    auto message = to_http(std::move(response), 11);
    message.keep_alive(false);
    co_await write(message);
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
    static char dropped[64 << 10];
    for (std::size_t total = 0; total < kLingerBytes;) {
      const auto [error, size] = co_await stream_.async_read_some(net::buffer(dropped), kAsTuple);
      if (error) break;
      total += size;
    }
  }

  beast::tcp_stream stream_;
  Service& service_;
  Sessions& sessions_;
  beast::flat_buffer buffer_{kBufferBytes};
  bool idle_ = false;
};

void Sessions::drain() {
  draining_ = true;
  for (HttpSession* session : open_) session->close_if_idle();
}

void Sessions::close_all() {
  for (HttpSession* session : open_) session->close();
}

void Sessions::remove(HttpSession& session) {
  open_.erase(&session);
  for (net::steady_timer* timer : waiting_) timer->cancel();
}

awaitable<void> Sessions::wait_fewer_than(std::size_t count, Deadline deadline) {
  net::steady_timer timer(co_await net::this_coro::executor);
  waiting_.insert(&timer);
  while (open_.size() >= count && Clock::now() < deadline) {
    timer.expires_at(deadline);
    co_await timer.async_wait(kAsTuple);
  }
  waiting_.erase(&timer);
}

awaitable<void> serve_connection(tcp::socket socket, Service& service, Sessions& sessions) {
  HttpSession session(std::move(socket), service, sessions);
  co_await session.run();
}

}  // namespace pyexec
