// An answer before it becomes HTTP.
#pragma once

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
  std::optional<OutcomeKind> outcome = {};  // of /execute's answers
  // When its making began, in ns of CLOCK_MONOTONIC, if the time until it is out is wanted.
  std::optional<std::uint64_t> begun_ns = {};
};

// {"error": ...}. An answer of /execute also names its outcome.
Response error_response(unsigned status, std::string_view message);
Response execute_error(OutcomeKind kind, unsigned status, std::string_view message);
// For 429: Retry-After.
Response busy_response(std::string_view message);
// {"result": ..., "stdout": ...} or {"error": ..., "stdout": ...}, and what was asked for beside.
Response outcome_response(const Outcome& outcome, const JobOutput& output,
                          const JobRequest& request);

}  // namespace pyexec
