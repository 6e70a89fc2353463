#include "server/http/http_exchange.h"

#include "sandbox/base/times.h"
#include "server/http/client_subject.h"
#include "server/http/content_encoding.h"
#include "server/http/request_id.h"
#include "server/http/request_target.h"

namespace pyexec {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t kHeaderBytes = 16 << 10;
// An unwanted body of at most this size is read to its end, so that the connection can be kept.
constexpr std::size_t kSkippedBytes = 64 << 10;
constexpr std::size_t kPieceBytes = 16 << 10;
// Bytes decompressed at a time, in about a millisecond.
constexpr std::size_t kUnpackedBytes = 256 << 10;

RequestHead head_for_log(const Exchange::Head& head) {
  return {std::string(head.method_string()),          std::string(path_of(head.target())),
          std::string(head[http::field::user_agent]), std::string(head["traceparent"]),
          std::string(head["X-Cloud-Trace-Context"]), head.version() == 10};
}

}  // namespace

HttpExchange::HttpExchange(ConnectionState& connection, HttpServer& server)
    : connection_(connection),
      server_(server),
      watch_(connection.stream.socket()),
      subject_("address " + client_subject(connection.client)),
      body_room_(server.body_room, subject_),
      answer_room_(server.answer_room, subject_) {
  head_.header_limit(kHeaderBytes);
  head_.body_limit(boost::none);  // set once the body's owner is known
  server_.requests.insert(&cancellation_);
  record_.began_ns = sandbox::monotonic_ns();
  record_.client = connection.client.to_string();
}

HttpExchange::~HttpExchange() {
  server_.requests.erase(&cancellation_);
}

void HttpExchange::belongs_to(const std::string& subject, Seats::Guest guest) {
  subject_ = subject;
  if (guest == Seats::Guest::known) connection_.seat->set_known();
}

bool HttpExchange::has_head() const {
  return on_parser([](const auto& parser) { return parser.is_header_done(); });
}

void HttpExchange::received(std::size_t bytes) {
  record_.received_bytes += bytes;
  server_.metrics.count_bytes(Direction::received, bytes);
}

void HttpExchange::sent(std::size_t bytes) {
  record_.sent_bytes += bytes;
  server_.metrics.count_bytes(Direction::sent, bytes);
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
  connection_.stream.expires_after(server_.limits.read_timeout);
  const auto [error, size] =
      co_await http::async_read_header(connection_.stream, connection_.buffer, parser, kAsTuple);
  received(size);
  if (error) co_return error;
  record_.head = head_for_log(parser.get());
  record_.request_id = request_id_for(parser.get()["X-Request-Id"]);
  add_headers(server_.cors.headers_for(parser.get()[http::field::origin]));
  // The parser reads this as "no body": the body would be taken for the next request.
  const auto encoding = parser.get()[http::field::transfer_encoding];
  if (!encoding.empty() && (!beast::iequals(encoding, "chunked") || parser.get().version() < 11 ||
                            parser.get().count(http::field::transfer_encoding) > 1))
    co_return http::error::bad_transfer_encoding;
  // With two framings or two hosts, a proxy may have used the other one.
  const std::string_view length = parser.get()[http::field::content_length];
  if (length.find(',') != std::string_view::npos || (!encoding.empty() && !length.empty()))
    co_return http::error::bad_content_length;
  if (parser.get().count(http::field::host) > 1) co_return http::error::bad_field;
  if (parser.get().version() >= 11 && parser.get().count(http::field::host) == 0)
    head_problem_ = "an HTTP/1.1 request has a Host header";
  else if (!is_host(parser.get()[http::field::host]))
    head_problem_ = "the Host header names no host";
  co_return head_problem_.empty() ? error_code() : http::error::bad_field;
}

std::optional<Response> HttpExchange::refuse_head(error_code error) const {
  if (!head_problem_.empty())
    return error_response(400, "malformed HTTP request: " + std::string(head_problem_));
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
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  co_return co_await send(net::buffer(kContinue));
}

awaitable<error_code> HttpExchange::read_all() {
  auto& parser = whole_.emplace(std::move(head_));
  // Bytes received count, not those announced.
  while (!parser.is_done()) {
    const auto [error, size] =
        co_await http::async_read_some(connection_.stream, connection_.buffer, parser, kAsTuple);
    received(size);
    if (error) co_return error;
    if (!body_room_.grow(parser.get().body().size())) co_return net::error::no_buffer_space;
  }
  co_return error_code();
}

// Returns partial_message if the body is not gzip.
awaitable<error_code> HttpExchange::unpack_all(std::uint64_t most) {
  const auto executor = co_await net::this_coro::executor;
  Gunzip gunzip;
  std::string packed = std::move(whole_->get().body());
  std::string_view rest = packed;
  for (auto state = Gunzip::State::more; state != Gunzip::State::whole;) {
    state = gunzip.next(rest, unpacked_, kUnpackedBytes);
    if (unpacked_.size() > most) co_return http::error::body_limit;
    if (!body_room_.grow(packed.size() + unpacked_.size())) co_return net::error::no_buffer_space;
    if (state == Gunzip::State::broken || state == Gunzip::State::wants_input)
      co_return http::error::partial_message;
    co_await net::post(executor, kAsTuple);
  }
  co_return error_code();
}

awaitable<std::optional<std::string_view>> HttpExchange::whole_body(BodyOf of) {
  if (head_.is_done()) {
    connection_.seat->keep();
    watch_.start(cancellation_);
    co_return std::string_view();
  }
  const std::uint64_t limit =
      of == BodyOf::file ? server_.limits.file_bytes : server_.limits.body_bytes;
  const bool is_too_large = head_.content_length().value_or(0) > limit;
  head_.body_limit(limit);
  error_code error;
  if (is_too_large)
    error = http::error::body_limit;
  else if (!co_await go_on())
    error = net::error::connection_reset;
  else
    error = co_await read_all();
  const bool is_packed = content_encoding(head()) == ContentEncoding::gzip;
  if (!error && is_packed) error = co_await unpack_all(limit);
  if (!error) {
    connection_.seat->keep();
    watch_.start(cancellation_);
    co_return is_packed ? unpacked_ : whole_->get().body();
  }
  // The received part is useless, and the client may be slow to read the answer.
  if (whole_) std::string().swap(whole_->get().body());
  std::string().swap(unpacked_);
  body_room_.take(0);
  if (error == http::error::body_limit)
    refusal_ = server_.handler->too_large(head().target());
  else if (error == net::error::no_buffer_space)
    refusal_ = server_.handler->too_busy(head().target());
  else if (error == http::error::partial_message && body_is_read())
    refusal_ = execute_error(OutcomeKind::invalid_request, 400, kNotGzip);
  else
    refusal_ = refuse_head(error);
  is_broken_ = !refusal_;
  co_return std::nullopt;
}

bool HttpExchange::is_client_gone() {
  if (!cancellation_.requested() && watch_.is_gone())
    cancellation_.request(Cancellation::By::client);
  return cancellation_.requested(Cancellation::By::client);
}

void HttpExchange::stop_reading() {
  is_reading_stopped_ = true;
  connection_.stream.cancel();
}

awaitable<Exchange::Body> HttpExchange::read_body(std::string& out) {
  if (is_reading_stopped_) co_return Body::stopped;
  if (!pieces_) {
    if (head_.is_done()) co_return Body::complete;
    if (!co_await go_on()) co_return Body::broken;
    pieces_.emplace(std::move(head_));
    if (content_encoding(head()) == ContentEncoding::gzip) packed_ = std::make_unique<Packed>();
  }
  auto next = packed_ ? read_packed(out) : read_piece(out);
  const Body state = co_await std::move(next);
  co_return state;
}

awaitable<Exchange::Body> HttpExchange::read_piece(std::string& out) {
  auto& parser = *pieces_;
  char piece[kPieceBytes];
  parser.get().body() = {piece, sizeof piece, true};
  connection_.stream.expires_after(server_.limits.idle_timeout);
  const auto [error, size] =
      co_await http::async_read_some(connection_.stream, connection_.buffer, parser, kAsTuple);
  received(size);
  if (is_reading_stopped_) co_return Body::stopped;
  if (error && error != http::error::need_buffer) {
    is_broken_ = true;
    co_return Body::broken;
  }
  out.append(piece, sizeof piece - parser.get().body().size);
  watch_.start(cancellation_);  // no read is pending, so nothing else notices a close
  co_return parser.is_done() ? Body::complete : Body::more;
}

// A piece may expand a thousandfold, so it is decompressed in several steps.
awaitable<Exchange::Body> HttpExchange::read_packed(std::string& out) {
  if (packed_->rest.empty() && !packed_->is_complete) {
    packed_->piece.clear();
    const Body state = co_await read_piece(packed_->piece);
    if (state == Body::broken || state == Body::stopped) co_return state;
    packed_->is_complete = state == Body::complete;
    packed_->rest = packed_->piece;
  } else {
    const auto executor = co_await net::this_coro::executor;
    co_await net::post(executor, kAsTuple);
    if (is_reading_stopped_) co_return Body::stopped;
  }
  switch (packed_->gunzip.next(packed_->rest, out, kUnpackedBytes)) {
    case Gunzip::State::more:
      co_return Body::more;
    case Gunzip::State::whole:
      co_return packed_->is_complete ? Body::complete : Body::more;
    case Gunzip::State::wants_input:
      co_return packed_->is_complete ? Body::malformed : Body::more;
    case Gunzip::State::broken:
      break;
  }
  co_return Body::malformed;
}

// Whether all of it is read, so that the next request begins at its end.
awaitable<bool> HttpExchange::skip_body() {
  if (body_is_read()) co_return true;
  if (!head_.is_header_done() || whole_ || pieces_) co_return false;
  if (head().count(http::field::expect) > 0) co_return false;
  if (head_.content_length().value_or(0) > kSkippedBytes) co_return false;
  head_.body_limit(kSkippedBytes);
  co_return !co_await read_all();
}

}  // namespace pyexec
