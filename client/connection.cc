#include "client/connection.h"

#include <netinet/tcp.h>

#include <boost/lexical_cast/try_lexical_convert.hpp>
#include <memory>

namespace pyexec::client {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;

namespace {

constexpr std::chrono::seconds kConnectTime{10};
// The service begins its answer before it reads any job.
constexpr std::chrono::seconds kHeadTime{30};
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::uint32_t kHeaderBytes = 64 << 10;

std::optional<std::chrono::seconds> seconds_in(std::string_view text) {
  std::uint32_t seconds = 0;
  // A date is possible, too, and is as good as nothing.
  if (!boost::conversion::try_lexical_convert(std::string(text), seconds)) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

Connection::Connection(net::any_io_executor executor, const Url& url, const std::string& key)
    : url_(url), key_(key), stream_(std::move(executor)) {
  answer_.header_limit(kHeaderBytes);
  answer_.body_limit(boost::none);
}

// A service whose machine is gone would be waited for forever.
void Connection::limit_silence() {
  using net::detail::socket_option::integer;
  auto& socket = stream_.socket();
  error_code ignored;
  socket.set_option(tcp::socket::keep_alive(true), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPIDLE>(30), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPINTVL>(10), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPCNT>(6), ignored);
  socket.set_option(tcp::no_delay(true), ignored);
}

awaitable<Connection::Failure> Connection::open() {
  const auto fail = [this](const error_code& error) {
    problem_ = "cannot connect to " + url_.host_header() + ": " + error.message();
    return error == net::error::host_not_found ? Failure::unknown_host : Failure::other;
  };
  tcp::resolver resolver(stream_.get_executor());
  const auto [not_found, found] = co_await resolver.async_resolve(url_.host, url_.port, kAsTuple);
  if (not_found) co_return fail(not_found);
  stream_.expires_after(kConnectTime);
  const auto [refused, endpoint] = co_await stream_.async_connect(found, kAsTuple);
  if (refused) co_return fail(refused);
  stream_.expires_never();
  limit_silence();
  is_open_ = true;
  co_return Failure::none;
}

awaitable<bool> Connection::send_head() {
  http::request<http::empty_body> request(http::verb::post, url_.prefix + "/execute/batch", 11);
  request.set(http::field::host, url_.host_header());
  request.set(http::field::user_agent, "pyexec-batch/" PYEXEC_VERSION);
  request.set(http::field::content_type, "application/x-ndjson");
  if (!key_.empty()) request.set(http::field::authorization, "Bearer " + key_);
  request.chunked(true);
  http::request_serializer<http::empty_body> serializer(request);
  const auto [error, size] = co_await http::async_write_header(stream_, serializer, kAsTuple);
  co_return !error;
}

awaitable<bool> Connection::send(std::string_view lines) {
  const auto chunk = http::make_chunk(net::buffer(lines));
  const auto [error, size] = co_await net::async_write(stream_, chunk, kAsTuple);
  co_return !error;
}

awaitable<bool> Connection::finish() {
  is_finished_ = true;  // the answer may end before this knows that it has been sent
  const auto last = http::make_chunk_last();
  const auto [error, size] = co_await net::async_write(stream_, last, kAsTuple);
  co_return !error;
}

awaitable<std::optional<Connection::Head>> Connection::read_head() {
  enum class State { waiting, late, over };
  const auto state = std::make_shared<State>(State::waiting);
  // Not the stream's own timer, which would end what is being sent, too.
  net::steady_timer timer(stream_.get_executor(), kHeadTime);
  timer.async_wait([this, state](error_code ended) {
    if (ended || *state != State::waiting) return;
    *state = State::late;
    stream_.close();
  });
  const auto [error, size] = co_await http::async_read_header(stream_, buffer_, answer_, kAsTuple);
  const bool is_late = *state == State::late;
  *state = State::over;
  if (error) {
    problem_ = is_late ? url_.host_header() + " does not answer"
                       : "the connection broke: " + error.message();
    co_return std::nullopt;
  }
  const auto& head = answer_.get();
  Head out = {head.result_int(), std::string(head[http::field::content_type]),
              seconds_in(head[http::field::retry_after])};
  co_return out;
}

awaitable<Connection::Piece> Connection::read() {
  if (answer_.is_done()) co_return Piece{Piece::State::complete, {}};
  std::string text(kPieceBytes, '\0');
  answer_.get().body() = {text.data(), text.size(), true};
  const auto [error, size] = co_await http::async_read_some(stream_, buffer_, answer_, kAsTuple);
  text.resize(text.size() - answer_.get().body().size);
  Piece piece = {Piece::State::more, std::move(text)};
  if (error && error != http::error::need_buffer) {
    problem_ = "the connection broke: " + error.message();
    piece.state = Piece::State::broken;
  } else if (answer_.is_done()) {
    piece.state = Piece::State::complete;
  }
  co_return piece;
}

void Connection::close() {
  is_open_ = false;
  stream_.close();
}

}  // namespace pyexec::client
