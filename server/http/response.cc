#include "server/http/response.h"

#include <array>
#include <cstdio>

#include "server/base/utf8.h"
#include "server/job/answer.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

constexpr std::string_view kOutcomeHeader = "Pyexec-Outcome";
constexpr const char* kRetryAfterSeconds = "1";

// In the format of Server-Timing: durations in milliseconds.
std::string server_timing(const JobUsage& usage) {
  const auto ms = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  std::array<char, 120> text;
  std::snprintf(text.data(), text.size(), "queue;dur=%.3f, run;dur=%.3f, total;dur=%.3f",
                ms(usage.queue_ns), ms(usage.run_ns), ms(usage.total_ns));
  return text.data();
}

}  // namespace

Response error_response(unsigned status, std::string_view message) {
  ObjectWriter members;
  members.text("error", message);
  return {status, members.object()};
}

Response execute_error(OutcomeKind kind, unsigned status, std::string_view message) {
  Response response = error_response(status, message);
  response.headers.emplace_back(kOutcomeHeader, outcome_name(kind));
  response.outcome = kind;
  return response;
}

Response busy_response(std::string_view message) {
  Response response = execute_error(OutcomeKind::busy, outcome_status(OutcomeKind::busy), message);
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

Response outcome_response(const Outcome& outcome, const JobOutput& output,
                          const JobRequest& request) {
  if (outcome.kind == OutcomeKind::busy) return busy_response(outcome.error);
  ObjectWriter members;
  add_answer(members, outcome, output, request);
  if (request.detail == AnswerDetail::verbose) members.text("outcome", outcome_name(outcome.kind));
  Response response = {outcome_status(outcome.kind), members.object()};
  response.headers.emplace_back(kOutcomeHeader, outcome_name(outcome.kind));
  response.headers.emplace_back("Server-Timing", server_timing(outcome.usage));
  response.outcome = outcome.kind;
  return response;
}

}  // namespace pyexec
