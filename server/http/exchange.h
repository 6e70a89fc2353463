// One HTTP request as its handler sees it: what came, and how to answer piece by piece.
#pragma once

#include <boost/beast/http.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/asio.h"
#include "server/base/cancellation.h"
#include "server/http/response.h"
#include "server/http/seats.h"
#include "server/telemetry/request_record.h"

namespace pyexec {

class Exchange {
 public:
  using Head = boost::beast::http::request_header<>;

  virtual ~Exchange() = default;

  virtual const Head& head() const = 0;
  virtual net::ip::address client() const = 0;
  // The port that the client connected to.
  virtual std::uint16_t port() const = 0;
  // Whose room its bytes take: a key's or an address's. Before any of its body is read.
  virtual void belongs_to(const std::string& subject, Seats::Guest guest) = 0;
  virtual const std::string& owner() const = 0;
  // The request that what was asked for should end: the client has gone, or the service stops. A
  // client that goes is noticed within a second once its body has been read.
  virtual Cancellation& cancellation() = 0;

  // All of the body, unpacked if it came compressed, which stays as long as the exchange. Nothing
  // where it cannot be had: then `refusal` says what to answer, if anybody is there to hear it.
  virtual awaitable<std::optional<std::string_view>> whole_body() = 0;
  virtual std::optional<Response> refusal() = 0;

  // Instead: what comes next of a body of any size, appended to `out`. broken: the client has gone,
  // was silent for too long, or does not keep to HTTP. malformed: it is not compressed as its head
  // says. stopped: by `stop_reading`, which may be
  // called meanwhile.
  enum class Body { more, complete, broken, malformed, stopped };
  virtual awaitable<Body> read_body(std::string& out) = 0;
  virtual void stop_reading() = 0;

  // An answer of unknown length: its head, then pieces. Each is false once the client is gone.
  // `begin` takes no body. Not to be called again before the call before it is done.
  virtual awaitable<bool> begin(Response head) = 0;
  virtual awaitable<bool> write(std::string_view piece) = 0;
  // Counts so many bytes of an answer that waits for the client. false, and it still counts those
  // of before, if they are more than the subject's share: its clients do not read.
  virtual bool hold(std::uint64_t bytes) = 0;
  // The same of an answer that is there, whatever else is: what was run is answered.
  virtual void hold_anyway(std::uint64_t bytes) = 0;
  // Ends the connection at once; whoever waits for it is told that it is broken.
  virtual void break_off() = 0;
  // Ends it so that the client gets all that was written, yet not the end of an answer. Takes as
  // long as the client does to close its side, and at most some seconds.
  virtual awaitable<void> leave_off() = 0;

  // For the log.
  virtual RequestRecord& record() = 0;

  // Go with whatever is answered.
  virtual void add_headers(const Headers& headers) = 0;
};

}  // namespace pyexec
