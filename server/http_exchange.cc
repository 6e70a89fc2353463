#include "server/http_exchange.h"

#include "sandbox/base/phases.h"
#include "server/gzip.h"
#include "server/routes.h"

namespace pyexec {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;

namespace {

constexpr std::uint32_t kHeaderBytes = 16 << 10;
// A body that nobody wanted is read to its end up to here, so that the connection can be kept.
constexpr std::size_t kSkippedBytes = 64 << 10;
// A client that is still sending when it is refused would see a reset instead of the answer, so
// some of what it sends is read first.
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kPieceBytes = 16 << 10;

}  // namespace

HttpExchange::HttpExchange(HttpConnection& connection, Service& service)
    : connection_(connection),
      service_(service),
      watch_(connection.stream.socket()),
      body_room_(*service.body_bytes.try_admit(0)),
      answer_room_(*service.answer_bytes.try_admit(0)) {
  head_.header_limit(kHeaderBytes);
  head_.body_limit(boost::none);  // set once it is known whose body it is
  service_.jobs.insert(&cancellation_);
}

HttpExchange::~HttpExchange() {
  service_.jobs.erase(&cancellation_);
}

const Exchange::Head& HttpExchange::head() const {
  return *on_parser([](const auto& parser) -> const Head* { return &parser.get().base(); });
}

bool HttpExchange::wants_to_stay() const {
  return on_parser([](const auto& parser) { return parser.get().keep_alive(); });
}

bool HttpExchange::body_is_read() const {
  return on_parser([](const auto& parser) { return parser.is_done(); });
}

awaitable<error_code> HttpExchange::read_head() {
  auto& parser = head_;
  connection_.stream.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
  const auto [error, size] =
      co_await http::async_read_header(connection_.stream, connection_.buffer, parser, kAsTuple);
  if (error) co_return error;
  request_id_ = service_.request_ids.id_for(parser.get()["X-Request-Id"]);
  add_headers(service_.cors.headers_for(parser.get()[http::field::origin]));
  // Read as "no body" by the parser: what follows would be taken for the next request.
  const auto encoding = parser.get()[http::field::transfer_encoding];
  if (!encoding.empty() && (!beast::iequals(encoding, "chunked") || parser.get().version() < 11 ||
                            parser.get().count(http::field::transfer_encoding) > 1))
    co_return http::error::bad_transfer_encoding;
  // Two framings, or two hosts: a proxy may have taken the other one.
  const std::string_view length = parser.get()[http::field::content_length];
  if (length.find(',') != std::string_view::npos || (!encoding.empty() && !length.empty()))
    co_return http::error::bad_content_length;
  if (parser.get().count(http::field::host) > 1) co_return http::error::bad_field;
  co_return error_code();
}

std::optional<Response> HttpExchange::refuse_head(error_code error) const {
  if (error == http::error::end_of_stream || error == beast::error::timeout) return std::nullopt;
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return error_response(431, "request header is larger than the limit of " +
                                   std::to_string(kHeaderBytes) + " bytes");
  if (error.category() == make_error_code(http::error::bad_method).category())
    return error_response(400, "malformed HTTP request: " + error.message());
  return std::nullopt;  // the connection broke
}

// Answers "Expect: 100-continue", once, before anything else.
awaitable<bool> HttpExchange::go_on() {
  if (std::exchange(is_told_to_go_on_, true) || body_is_read() || head().version() < 11 ||
      !beast::iequals(head()[http::field::expect], "100-continue"))
    co_return true;
  http::response<http::empty_body> message(http::status::continue_, head().version());
  const auto [error, size] = co_await http::async_write(connection_.stream, message, kAsTuple);
  co_return !error;
}

awaitable<error_code> HttpExchange::read_all() {
  auto& parser = whole_.emplace(std::move(head_));
  // What has come counts, not what is announced.
  while (!parser.is_done()) {
    const auto [error, size] =
        co_await http::async_read_some(connection_.stream, connection_.buffer, parser, kAsTuple);
    if (error) co_return error;
    if (!body_room_.grow(parser.get().body().size())) co_return net::error::no_buffer_space;
  }
  co_return error_code();
}

awaitable<std::optional<std::string_view>> HttpExchange::whole_body() {
  if (head_.is_done()) {
    watch_.start(cancellation_);
    co_return std::string_view();
  }
  const std::uint64_t limit = largest_body_bytes(service_.job_caps);
  const bool is_too_large = head_.content_length().value_or(0) > limit;
  head_.body_limit(limit);
  error_code error;
  if (is_too_large)
    error = http::error::body_limit;
  else if (!co_await go_on())
    error = net::error::connection_reset;
  else
    error = co_await read_all();
  if (!error) {
    watch_.start(cancellation_);
    co_return whole_->get().body();
  }
  if (error == http::error::body_limit)
    refusal_ = too_large(service_, head().target());
  else if (error == net::error::no_buffer_space)
    refusal_ = too_busy(head().target());
  else
    refusal_ = refuse_head(error);
  is_broken_ = !refusal_;
  co_return std::nullopt;
}

awaitable<Exchange::Body> HttpExchange::read_body(std::string& out) {
  if (!pieces_) {
    if (head_.is_done()) co_return Body::complete;
    if (!co_await go_on()) co_return Body::broken;
    pieces_.emplace(std::move(head_));
  }
  auto& parser = *pieces_;
  char piece[kPieceBytes];
  parser.get().body() = {piece, sizeof piece, true};
  connection_.stream.expires_after(std::chrono::milliseconds(service_.config.idle_timeout_ms));
  const auto [error, size] =
      co_await http::async_read_some(connection_.stream, connection_.buffer, parser, kAsTuple);
  if (error && error != http::error::need_buffer) {
    is_broken_ = true;
    co_return Body::broken;
  }
  out.append(piece, sizeof piece - parser.get().body().size);
  watch_.start(cancellation_);  // nobody reads, and would notice, while what came is worked on
  co_return parser.is_done() ? Body::complete : Body::more;
}

HttpExchange::Message HttpExchange::to_http(Response response) const {
  Message message(static_cast<http::status>(response.status),
                  has_begun_ ? head().version() : std::max(10u, head().version()));
  message.set(http::field::content_type, response.content_type);
  message.set("X-Content-Type-Options", "nosniff");
  if (!request_id_.empty()) message.set("X-Request-Id", request_id_);
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  for (const auto& [name, value] : headers_) message.insert(name, value);
  message.body() = std::move(response.body);
  return message;
}

// Whether the connection is good for another request.
template <typename Answer>
awaitable<bool> HttpExchange::send(Answer& answer) {
  connection_.stream.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
  const auto [error, size] = co_await http::async_write(connection_.stream, answer, kAsTuple);
  is_broken_ = is_broken_ || error;
  co_return !error && answer.keep_alive();
}

awaitable<bool> HttpExchange::begin(Response response) {
  if (!co_await go_on()) co_return false;
  has_begun_ = true;
  is_chunked_ = head().version() >= 11;
  const Message message = to_http(std::move(response));
  http::response<http::empty_body> start(message.base());
  start.version(head().version());
  start.chunked(is_chunked_);
  start.keep_alive(is_chunked_ && wants_to_stay());
  http::response_serializer<http::empty_body> serializer(start);
  connection_.stream.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
  const auto [error, size] =
      co_await http::async_write_header(connection_.stream, serializer, kAsTuple);
  is_broken_ = is_broken_ || error;
  co_return !error;
}

awaitable<bool> HttpExchange::write(std::string_view piece) {
  if (is_broken_ || piece.empty()) co_return !is_broken_;
  connection_.stream.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
  const net::const_buffer bytes = net::buffer(piece);
  error_code error;
  if (is_chunked_) {
    const auto chunk = http::make_chunk(bytes);
    std::tie(error, std::ignore) = co_await net::async_write(connection_.stream, chunk, kAsTuple);
  } else {
    std::tie(error, std::ignore) = co_await net::async_write(connection_.stream, bytes, kAsTuple);
  }
  is_broken_ = is_broken_ || error;
  co_return !error;
}

void HttpExchange::break_off() {
  is_broken_ = true;
  connection_.stream.close();
}

// Whether all of it is read, so that the next request begins where it ends.
awaitable<bool> HttpExchange::skip_body() {
  if (body_is_read()) co_return true;
  if (!head_.is_header_done() || whole_ || pieces_) co_return false;
  if (head().count(http::field::expect) > 0) co_return false;
  if (head_.content_length().value_or(0) > kSkippedBytes) co_return false;
  head_.body_limit(kSkippedBytes);
  co_return !co_await read_all();
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
  if (response && !hold(response->body.size()))
    response = busy_response("too many answers wait for their clients; try again later");
  if (is_broken_ || (!response && !has_begun_)) co_return false;
  if (!response) {
    const bool is_whole = body_is_read();
    if (!is_chunked_) co_return false;
    connection_.stream.expires_after(std::chrono::milliseconds(service_.config.read_timeout_ms));
    const auto last = http::make_chunk_last();
    const auto [error, size] = co_await net::async_write(connection_.stream, last, kAsTuple);
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
  const auto compressed = may_compress && accepts_gzip(head()[http::field::accept_encoding])
                              ? gzip(message.body())
                              : std::nullopt;
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
      service_.metrics.observe(RequestPhase::reply, sandbox::monotonic_ns() - *begun_ns);
  }
  if (!is_whole && !is_broken_) co_await linger();
  co_return is_good;
}

}  // namespace pyexec
