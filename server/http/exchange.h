// One HTTP request as its handler sees it: what was received, and how to answer piece by piece.
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
#include "server/job/job_caps.h"
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
  // Sets whose room its bytes take up: a key's or an address's. Call it before the body is read.
  virtual void belongs_to(const std::string& subject, Seats::Guest guest) = 0;
  virtual const std::string& owner() const = 0;
  // Requested when the client has gone or the service stops. A client's leaving is noticed within a
  // second once its body has been read.
  virtual Cancellation& cancellation() = 0;
  // Looks at once, for an answer that makes sense only if it is heard.
  virtual bool is_client_gone() = 0;

  // Reads all of the body, decompressed; it lives as long as the exchange. Returns nullopt on
  // failure: `refusal` is then the answer, or nullopt if the client has gone.
  enum class BodyOf { request, file };  // whose limits differ
  virtual awaitable<std::optional<std::string_view>> whole_body(BodyOf of) = 0;
  awaitable<std::optional<std::string_view>> whole_body() { return whole_body(BodyOf::request); }
  virtual std::optional<Response> refusal() = 0;

  // The alternative, for a body of any size: appends the next piece to `out`. broken: the client
  // has gone, was silent for too long, or violates HTTP. malformed: the body is not compressed as
  // its head says. stopped: by `stop_reading`, which may be called meanwhile.
  enum class Body { more, complete, broken, malformed, stopped };
  virtual awaitable<Body> read_body(std::string& out) = 0;
  virtual void stop_reading() = 0;

  // Send an answer of unknown length: its head, then pieces. Return false once the client is gone.
  // `begin` takes no body. One call must be done before the next.
  virtual awaitable<bool> begin(Response head) = 0;
  virtual awaitable<bool> write(std::string_view piece) = 0;
  // Counts so many bytes of an answer that waits for the client. Returns false, and keeps the
  // previous count, if they exceed the subject's share: its clients do not read.
  virtual bool hold(std::uint64_t bytes) = 0;
  // The same without a limit, for an answer that exists already: a job that ran is answered.
  virtual void hold_anyway(std::uint64_t bytes) = 0;
  // Ends the connection at once; pending operations report that it is broken.
  virtual void break_off() = 0;
  // Ends it so that the client gets all that was written, but no end of the answer. Waits until the
  // client closes its side, at most some seconds.
  virtual awaitable<void> leave_off() = 0;

  KeyLimits limits = {};  // of whom it belongs to

  // For the log.
  virtual RequestRecord& record() = 0;

  // Adds headers to whatever is answered.
  virtual void add_headers(const Headers& headers) = 0;
};

}  // namespace pyexec
