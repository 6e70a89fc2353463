#include "server/api/queue/deliver.h"

#include "server/job/answer.h"

namespace pyexec {
namespace {

// Cloud Logging takes entries of up to 256 KiB.
constexpr std::size_t kMostLoggedBytes = 200 << 10;
constexpr std::size_t kBesideAnswer = 20 << 10;  // the names, escaped
static_assert(kMostLoggedBytes + kBesideAnswer <= kMostResultBytes);
// A job that waited for more than this share of its time had not the time it was to have.
constexpr std::uint64_t kMostWaitShare = 10;

Members entry(const QueueMessage& message, OutcomeKind outcome, const char* is_duplicate) {
  Members members;
  members.text("message_id", message.id);
  members.json("duplicate", is_duplicate);
  members.text("outcome", outcome_name(outcome));
  members.number("status", outcome_status(outcome));
  return members;
}

}  // namespace

bool tells_log(const Service& service) {
  return service.config.queue_results == "log";
}

bool is_final(const Outcome& outcome, const JobRequest& request) {
  constexpr std::uint64_t kNsInMs = 1'000'000;
  if (outcome.kind == OutcomeKind::time_limit)
    return outcome.usage.queue_ns < request.timeout_ms * kNsInMs / kMostWaitShare;
  return outcome.kind != OutcomeKind::busy && outcome.kind != OutcomeKind::internal;
}

std::string delivery_answer(const QueueMessage& message, const Outcome& outcome,
                            const JobOutput& output, const JobRequest& request) {
  Members members = entry(message, outcome.kind, "false");
  add_answer(members, outcome, output, request);
  return members.object();
}

// The answer is JSON that the server made, in a member of its own: whatever a script returned or
// printed, it cannot say a word as the log's.
void tell_log(ResultRoom room, const QueueMessage& message, const std::string& answer) {
  Members line;
  line.text("severity", "INFO");
  line.text("time", log_time());
  line.text("message", "a message of a queue has been answered");
  line.text("queue", message.queue);
  line.text("message_id", message.id);
  if (answer.size() <= kMostLoggedBytes)
    line.json("answer", answer);
  else
    line.number("answer_is_too_large_bytes", answer.size());
  log_result(std::move(room), line.object());
}

Response delivered_before(const QueueMessage& message, OutcomeKind outcome) {
  return {200, entry(message, outcome, "true").object()};
}

}  // namespace pyexec
