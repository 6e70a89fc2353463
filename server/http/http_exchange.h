// A request and its answer on one connection: implements Exchange over HTTP/1.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>

#include "server/http/client_watch.h"
#include "server/http/exchange.h"
#include "server/http/gunzip.h"
#include "server/http/http_server.h"
#include "server/http/response_head.h"

namespace pyexec {

// The state that a connection keeps between its requests.
struct ConnectionState {
  boost::beast::tcp_stream stream;
  boost::beast::flat_buffer buffer;  // read, but not yet parsed
  net::ip::address client;
  std::uint16_t port;  // that the client connected to
  Seats::Seat* seat;
};

class HttpExchange final : public Exchange, private UnreadAnswers::Answer {
 public:
  HttpExchange(ConnectionState& connection, HttpServer& server);
  ~HttpExchange() override;

  // Reads the head of a request whose first bytes are in the connection's buffer, or on their way.
  awaitable<boost::system::error_code> read_head();
  // Returns the answer to a request that is not HTTP; nullopt if the client has gone.
  std::optional<Response> refuse_head(boost::system::error_code error) const;

  bool has_head() const;
  const Head& head() const override;
  net::ip::address client() const override { return connection_.client; }
  std::uint16_t port() const override { return connection_.port; }
  Cancellation& cancellation() override { return cancellation_; }
  bool is_client_gone() override;
  using Exchange::whole_body;
  awaitable<std::optional<std::string_view>> whole_body(BodyOf of) override;
  std::optional<Response> refusal() override { return std::exchange(refusal_, std::nullopt); }
  awaitable<Body> read_body(std::string& out) override;
  void stop_reading() override;
  awaitable<bool> begin(Response head) override;
  awaitable<bool> write(std::string_view piece) override;
  RequestRecord& record() override { return record_; }
  void belongs_to(const std::string& subject, Seats::Guest guest) override;
  const std::string& owner() const override { return subject_; }
  bool hold(std::uint64_t bytes) override { return answer_room_.resize(bytes); }
  void hold_anyway(std::uint64_t bytes) override;
  void break_off() override;
  awaitable<void> leave_off() override;
  void add_headers(const Headers& headers) override {
    headers_.insert(headers_.end(), headers.begin(), headers.end());
  }

  // Sends the answer, or ends the one that was begun. Returns whether the connection can take
  // another request.
  enum class After { keep, close };
  awaitable<bool> finish(std::optional<Response> response, After after);

 private:
  using HeadParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using WholeParser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using PieceParser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  void received(std::size_t bytes);
  void sent(std::size_t bytes);
  // Calls `action` with the parser that has the request at the moment.
  template <typename Do>
  auto on_parser(Do action) const {
    if (pieces_) return action(*pieces_);
    if (whole_) return action(*whole_);
    return action(head_);
  }
  bool wants_to_stay() const;
  bool body_is_read() const;
  awaitable<bool> go_on();
  awaitable<boost::system::error_code> read_all();
  awaitable<boost::system::error_code> unpack_all(std::uint64_t most);
  awaitable<Body> read_piece(std::string& out);
  awaitable<Body> read_packed(std::string& out);
  awaitable<bool> skip_body();
  ResponseHead head_of(const Response& response) const;
  awaitable<bool> send(net::const_buffer first, net::const_buffer second = {},
                       net::const_buffer third = {});
  std::string_view subject() const override { return subject_; }
  bool is_stalled() const override;
  void give_way() override;
  awaitable<void> linger();

  ConnectionState& connection_;
  HttpServer& server_;
  ClientWatch watch_;
  std::string subject_;     // owner of the room it takes
  Shares::Hold body_room_;  // grows as the body arrives
  Shares::Hold answer_room_;
  std::optional<UnreadAnswers::Entry> unread_;
  Deadline sending_since_ = Deadline::max();
  HeadParser head_;
  std::optional<WholeParser> whole_;   // instead of head_, once the body is wanted
  std::optional<PieceParser> pieces_;  // likewise, to read it in pieces
  struct Packed {
    Gunzip gunzip;
    std::string piece;           // still compressed
    std::string_view rest = {};  // of `piece`, not yet used
    bool is_complete = false;    // no more pieces follow
  };
  std::unique_ptr<Packed> packed_;  // for a compressed body, piece by piece
  std::string unpacked_;            // all of a body that was compressed
  Cancellation cancellation_;
  RequestRecord record_;
  Headers headers_;
  std::optional<Response> refusal_;
  std::string_view head_problem_;
  bool is_told_to_go_on_ = false, is_chunked_ = false, has_begun_ = false, is_broken_ = false;
  bool is_reading_stopped_ = false;
};

}  // namespace pyexec
