// An answer before it becomes HTTP.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/headers.h"
#include "server/job/outcome_kind.h"

namespace pyexec {

struct JobOutput;
struct JobRequest;
struct Outcome;

struct Response {
  unsigned status;
  std::string body;
  Headers headers = {};
  std::string_view content_type = "application/json";
  std::optional<OutcomeKind> outcome = {};  // only of /execute's answers
  // Called if it cannot be sent: what it names is then known to nobody.
  std::function<void()> on_lost = {};
  // Start of its creation, in ns of CLOCK_MONOTONIC; set if the time until it is sent is measured.
  std::optional<std::uint64_t> begun_ns = {};
};

// Return {"error": ...}. An answer of /execute also names its outcome.
Response error_response(unsigned status, std::string_view message);
Response execute_error(OutcomeKind kind, unsigned status, std::string_view message);
// Returns a 429 with Retry-After.
Response busy_response(std::string_view message);
// Returns {"result": ..., "stdout": ...} or {"error": ..., "stdout": ...}, and whatever else was
// requested.
Response outcome_response(const Outcome& outcome, const JobOutput& output,
                          const JobRequest& request);

}  // namespace pyexec
