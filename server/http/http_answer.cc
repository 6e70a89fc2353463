// The answering half of HttpExchange.
#include <netinet/tcp.h>

#include "sandbox/base/phases.h"
#include "server/http/gzip.h"
#include "server/http/http_exchange.h"
#include "server/http/quality.h"

namespace pyexec {

namespace http = boost::beast::http;
using net::ip::tcp;

namespace {

// A client that is still sending when it is refused would see a reset instead of the answer, so
// some of what it sends is read first.
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr std::chrono::seconds kLingerTime{2};

}  // namespace

HttpExchange::Message HttpExchange::to_http(Response response) const {
  Message message(static_cast<http::status>(response.status),
                  has_begun_ ? head().version() : std::max(10u, head().version()));
  message.set(http::field::content_type, response.content_type);
  message.set("X-Content-Type-Options", "nosniff");
  if (!record_.request_id.empty()) message.set("X-Request-Id", record_.request_id);
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  for (const auto& [name, value] : headers_) message.insert(name, value);
  message.body() = std::move(response.body);
  return message;
}

// Whether the connection is good for another request.
template <typename Answered>
awaitable<bool> HttpExchange::send(Answered& answer) {
  connection_.stream.expires_after(server_.limits.read_timeout);
  sending_since_ = Clock::now();
  const auto [error, size] = co_await http::async_write(connection_.stream, answer, kAsTuple);
  sent(size);
  if (!error) record_.status = answer.result_int();
  is_broken_ = is_broken_ || error;
  co_return !error && answer.keep_alive();
}

void HttpExchange::hold_anyway(std::uint64_t bytes) {
  answer_room_.take(bytes);
  UnreadAnswers::Answer& self = *this;
  if (answer_room_.counts() && !unread_) unread_.emplace(server_.unread_answers, self);
  server_.unread_answers.settle();
}

bool HttpExchange::is_stalled() const {
  constexpr std::chrono::milliseconds kStalled{1000};
  if (sending_since_ > Clock::now() - kStalled) return false;
  tcp_info info = {};
  socklen_t size = sizeof info;
  const int socket = connection_.stream.socket().native_handle();
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_last_data_sent >= kStalled.count();
}

void HttpExchange::give_way() {
  answer_room_.take(0);
  break_off();
}

awaitable<bool> HttpExchange::begin(Response response) {
  connection_.seat->keep();
  if (!co_await go_on()) co_return false;
  has_begun_ = true;
  is_chunked_ = head().version() >= 11;
  const Message message = to_http(std::move(response));
  http::response<http::empty_body> start(message.base());
  start.version(head().version());
  start.chunked(is_chunked_);
  start.keep_alive(is_chunked_ && wants_to_stay() && !server_.lifecycle.is_leaving());
  http::response_serializer<http::empty_body> serializer(start);
  connection_.stream.expires_after(server_.limits.read_timeout);
  const auto [error, size] =
      co_await http::async_write_header(connection_.stream, serializer, kAsTuple);
  sent(size);
  record_.status = start.result_int();
  is_broken_ = is_broken_ || error;
  co_return !error;
}

awaitable<bool> HttpExchange::write(std::string_view piece) {
  if (is_broken_ || piece.empty()) co_return !is_broken_;
  connection_.stream.expires_after(server_.limits.read_timeout);
  sending_since_ = Clock::now();
  const net::const_buffer bytes = net::buffer(piece);
  error_code error;
  std::size_t size = 0;
  if (is_chunked_) {
    const auto chunk = http::make_chunk(bytes);
    std::tie(error, size) = co_await net::async_write(connection_.stream, chunk, kAsTuple);
  } else {
    std::tie(error, size) = co_await net::async_write(connection_.stream, bytes, kAsTuple);
  }
  sending_since_ = Deadline::max();
  sent(size);
  is_broken_ = is_broken_ || error;
  co_return !error;
}

void HttpExchange::break_off() {
  is_broken_ = true;
  connection_.stream.close();
}

awaitable<void> HttpExchange::leave_off() {
  watch_.stop();  // it would take this end for the client's
  if (!std::exchange(is_broken_, true)) co_await linger();
}

awaitable<void> HttpExchange::linger() {
  auto& stream = connection_.stream;
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream.expires_after(kLingerTime);
  static char dropped[64 << 10];
  for (std::size_t total = 0; total < kLingerBytes;) {
    const auto [error, size] = co_await stream.async_read_some(net::buffer(dropped), kAsTuple);
    if (error) break;
    total += size;
  }
}

awaitable<bool> HttpExchange::finish(std::optional<Response> response, After after) {
  watch_.stop();
  if (response && has_begun_) break_off();  // something failed in the middle
  if (response) hold_anyway(response->body.size());
  if (response && response->outcome) record_.outcome = response->outcome;
  if (is_broken_ || (!response && !has_begun_)) co_return false;
  if (!response) {
    const bool is_whole = body_is_read();
    if (!is_chunked_) co_return false;
    connection_.stream.expires_after(server_.limits.read_timeout);
    const auto last = http::make_chunk_last();
    const auto [error, size] = co_await net::async_write(connection_.stream, last, kAsTuple);
    sent(size);
    if (error || !is_whole) {
      if (!error) co_await linger();
      co_return false;
    }
    co_return after == After::keep&& wants_to_stay();
  }
  const bool is_whole = co_await skip_body();
  const auto begun_ns = response->begun_ns;
  const bool is_head = head().method() == http::verb::head;
  Message message = to_http(*std::move(response));
  const std::size_t bytes = message.body().size();
  const bool may_compress = bytes >= kLeastGzipBytes && bytes <= kMostGzipBytes;
  std::optional<std::string> compressed;
  const auto compress = [&] { return gzip(message.body()); };
  if (may_compress && accepts_gzip(joined(head(), http::field::accept_encoding)))
    compressed = co_await server_.offload.run(bytes, compress);
  if (may_compress) message.insert(http::field::vary, "Accept-Encoding");
  if (compressed) {
    message.set(http::field::content_encoding, "gzip");
    message.body() = *compressed;
  }
  message.prepare_payload();
  if (message.result_int() == 204) message.erase(http::field::content_length);
  message.keep_alive(wants_to_stay() && is_whole && after == After::keep);
  bool is_good = false;
  if (is_head) {
    // The header of the same answer, its Content-Length included.
    http::response<http::empty_body> header(message.base());
    is_good = co_await send(header);
  } else {
    is_good = co_await send(message);
    if (begun_ns)
      server_.metrics.observe(RequestPhase::reply, record_.phases[RequestPhase::reply] =
                                                       sandbox::monotonic_ns() - *begun_ns);
  }
  if (!is_whole && !is_broken_) co_await linger();
  co_return is_good;
}

}  // namespace pyexec
