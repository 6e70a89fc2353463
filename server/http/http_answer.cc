// The answering half of HttpExchange.
#include <netinet/tcp.h>

#include <array>
#include <charconv>

#include "sandbox/base/times.h"
#include "server/http/gzip.h"
#include "server/http/http_exchange.h"
#include "server/http/quality.h"

namespace pyexec {

namespace http = boost::beast::http;
using net::ip::tcp;

namespace {

// A client that is still sending when it is refused would see a reset instead of the answer.
// Therefore some of its data is read first.
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr std::chrono::seconds kLingerTime{2};

}  // namespace

ResponseHead HttpExchange::head_of(const Response& response) const {
  ResponseHead out = {.status = response.status, .version = std::max(10u, head().version())};
  out.add("Content-Type", response.content_type);
  out.add("X-Content-Type-Options", "nosniff");
  if (!record_.request_id.empty()) out.add("X-Request-Id", record_.request_id);
  for (const auto& [name, value] : response.headers) out.add(name, value);
  for (const auto& [name, value] : headers_) out.add(name, value);
  return out;
}

awaitable<bool> HttpExchange::send(net::const_buffer first, net::const_buffer second,
                                   net::const_buffer third) {
  const std::array<net::const_buffer, 3> buffers = {first, second, third};
  connection_.stream.expires_after(server_.limits.read_timeout);
  sending_since_ = Clock::now();
  const auto [error, size] = co_await net::async_write(connection_.stream, buffers, kAsTuple);
  sending_since_ = Deadline::max();
  sent(size);
  is_broken_ = is_broken_ || error;
  co_return !error;
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
  ResponseHead start = head_of(response);
  start.framing = is_chunked_ ? ResponseHead::Framing::chunked : ResponseHead::Framing::until_close;
  start.keep_alive = is_chunked_ && wants_to_stay() && !server_.lifecycle.is_leaving();
  const std::string text = start.text();
  record_.status = start.status;
  co_return co_await send(net::buffer(text));
}

awaitable<bool> HttpExchange::write(std::string_view piece) {
  if (is_broken_ || piece.empty()) co_return !is_broken_;
  if (!is_chunked_) co_return co_await send(net::buffer(piece));
  char size[2 * sizeof piece.size() + 2];
  char* end = std::to_chars(size, size + sizeof size - 2, piece.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  co_return co_await send(net::buffer(size, end - size), net::buffer(piece),
                          net::buffer("\r\n", 2));
}

void HttpExchange::break_off() {
  is_broken_ = true;
  connection_.stream.close();
}

awaitable<void> HttpExchange::leave_off() {
  watch_.stop();  // it would mistake this shutdown for the client's
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
  if (is_broken_ && response && response->on_lost) response->on_lost();
  if (is_broken_ || (!response && !has_begun_)) co_return false;
  if (!response) {
    const bool is_whole = body_is_read();
    if (!is_chunked_) co_return false;
    if (!co_await send(net::buffer("0\r\n\r\n", 5))) co_return false;
    if (!is_whole) co_await linger();
    co_return is_whole&& after == After::keep&& wants_to_stay();
  }
  const bool is_whole = co_await skip_body();
  ResponseHead start = head_of(*response);
  std::string& body = response->body;
  const bool may_compress = body.size() >= kLeastGzipBytes && body.size() <= kMostGzipBytes;
  if (may_compress) start.add("Vary", "Accept-Encoding");
  if (may_compress && accepts_gzip(joined(head(), http::field::accept_encoding))) {
    const auto compress = [&] { return gzip(body); };
    if (auto compressed = co_await server_.offload.run(body.size(), compress)) {
      start.add("Content-Encoding", "gzip");
      body = *std::move(compressed);
    }
  }
  start.framing = ResponseHead::Framing::length;
  start.length = body.size();
  start.keep_alive = wants_to_stay() && is_whole && after == After::keep;
  const std::string text = start.text();
  const bool is_head = head().method() == http::verb::head;
  const net::const_buffer bytes = is_head ? net::const_buffer() : net::buffer(body);
  record_.status = start.status;
  const bool is_sent = co_await send(net::buffer(text), bytes);
  if (!is_sent && response->on_lost) response->on_lost();
  if (response->begun_ns && !is_head)
    server_.metrics.observe(RequestPhase::reply, record_.phases[RequestPhase::reply] =
                                                     sandbox::monotonic_ns() - *response->begun_ns);
  if (!is_whole && !is_broken_) co_await linger();
  co_return is_sent&& start.keep_alive;
}

}  // namespace pyexec
