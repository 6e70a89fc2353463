// The record of a request for log and metrics. Filled by the code that handles it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/job/outcome_kind.h"
#include "server/job/phases.h"

namespace pyexec {

struct Outcome;

// The head of a request as its client sent it; untrusted.
struct RequestHead {
  std::string method, path;  // without the query
  std::string user_agent, traceparent, cloud_trace;
  bool is_http_1_0 = false;
};

struct RequestRecord {
  void add_job(const Outcome& ended);

  std::uint64_t began_ns = 0, ended_ns = 0;  // CLOCK_MONOTONIC, from its head to its answer
  std::uint64_t received_bytes = 0, sent_bytes = 0;
  unsigned status = 0;  // 0: the client had gone
  std::string client, request_id;
  std::optional<RequestHead> head;  // nullopt if it was not an HTTP request
  std::string key;                  // name of its API key
  std::optional<OutcomeKind> outcome;
  bool has_run = false;  // a worker ran it: phases and usage are valid
  PhaseTimes phases;
  std::uint64_t queue_ns = 0, run_ns = 0;
  std::optional<std::uint64_t> batch_done, batch_failed;  // lines
  std::string message_id;                                 // from a queue
  std::string job;                                        // that it began, if nobody waits for it
};

}  // namespace pyexec
