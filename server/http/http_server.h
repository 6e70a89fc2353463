// The state that the connections of one server share. Built and owned by app/.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "server/base/cancellation.h"
#include "server/base/lifecycle.h"
#include "server/base/offload.h"
#include "server/http/cors.h"
#include "server/http/exchange.h"
#include "server/http/response.h"
#include "server/http/seats.h"
#include "server/http/unread.h"
#include "server/telemetry/metrics.h"
#include "server/telemetry/request_log.h"

namespace pyexec {

// Answers requests. Implemented by a higher layer.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // Returns nullopt if the handler has answered piece by piece, or the client has gone.
  virtual awaitable<std::optional<Response>> answer(Exchange& exchange) = 0;
  // Return the answer to a request to `target` whose body finds no room now, or exceeds the limit.
  virtual Response too_busy(std::string_view target) = 0;
  virtual Response too_large(std::string_view target) = 0;
  // The same for one that has come while the service stops; nullopt if a running job needs it.
  virtual std::optional<Response> refuse_late(std::string_view target) = 0;
};

inline Metrics::Client client_of(const Cancellation& cancellation) {
  return cancellation.requested(Cancellation::By::client) ? Metrics::Client::gone
                                                          : Metrics::Client::there;
}

struct HttpLimits {
  std::uint64_t connections;
  std::uint64_t body_bytes;      // of one request, unpacked
  std::uint64_t file_bytes;      // of one that is a file; not less than body_bytes
  std::uint64_t answer_bytes;    // the largest possible answer
  std::uint64_t all_body_bytes;  // of all requests being read, and of all answers
  std::chrono::milliseconds read_timeout, idle_timeout;
};

struct HttpServer {
  HttpServer(const HttpLimits& the_limits, CorsPolicy policy, const Telemetry& telemetry,
             const RequestLog& the_request_log, Offload& the_offload,
             const Lifecycle& the_lifecycle)
      : limits(the_limits),
        cors(std::move(policy)),
        log(telemetry.log),
        metrics(telemetry.metrics),
        request_log(the_request_log),
        offload(the_offload),
        lifecycle(the_lifecycle),
        body_room(room_for(limits.all_body_bytes, limits.body_bytes)),
        answer_room(room_for(limits.all_body_bytes, limits.answer_bytes)),
        unread_answers(answer_room) {}

  // At least twice the largest, because one subject alone has at most half of it.
  static Shares::Room room_for(std::uint64_t bytes, std::uint64_t largest) {
    constexpr std::uint64_t kFreeEach = 64 << 10;
    return {std::max(bytes, 2 * largest), kFreeEach};
  }

  const HttpLimits limits;
  const CorsPolicy cors;
  Log& log;
  Metrics& metrics;
  const RequestLog& request_log;
  Offload& offload;
  const Lifecycle& lifecycle;
  RequestHandler* handler = nullptr;  // set before the first connection
  Shares body_room;                   // of requests being received
  Shares answer_room;                 // of answers waiting for their clients
  UnreadAnswers unread_answers;
  Seats seats;                       // of connections
  std::set<Cancellation*> requests;  // in progress; a shutdown can end them
  std::uint64_t connections = 0;
};

}  // namespace pyexec
