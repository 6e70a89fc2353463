// One POST /execute/batch on a connection of its own: its lines are sent while its answer is read.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/asio.h"
#include "client/url.h"

namespace pyexec::client {

class Connection {
 public:
  // `key`: empty if none. Both must outlive this.
  Connection(net::any_io_executor executor, const Url& url, const std::string& key);

  enum class Failure { none, unknown_host, other };
  awaitable<Failure> open();

  // The request. One coroutine; each is false once the connection is broken.
  awaitable<bool> send_head();
  awaitable<bool> send(std::string_view lines);
  awaitable<bool> finish();
  bool is_finished() const { return is_finished_; }

  // The answer. One coroutine, which may be another. Nothing: the connection is broken.
  struct Head {
    unsigned status;
    std::string content_type;
    std::optional<std::chrono::seconds> retry_after;
  };
  awaitable<std::optional<Head>> read_head();
  struct Piece {
    enum class State { more, complete, broken } state;
    std::string text;
  };
  awaitable<Piece> read();

  // Whoever waits is told that the connection is broken.
  void close();
  bool is_open() const { return is_open_; }
  // Why it could not be opened, or broke while it was read.
  const std::string& problem() const { return problem_; }

 private:
  void limit_silence();

  const Url& url_;
  const std::string& key_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  boost::beast::http::response_parser<boost::beast::http::buffer_body> answer_;
  std::string problem_;
  bool is_open_ = false, is_finished_ = false;
};

}  // namespace pyexec::client
