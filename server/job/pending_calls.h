// The calls of one job's tools, between its worker and its caller. On the server's thread.
//
//   worker ── CALL ──▶ add ──▶ announce ──▶ the caller
//          ◀─ ANSWER ─ send ◀── answer  ◀──
//
// As long as a call has no answer, the job waits: its clock stands, and it has no place among the
// jobs that run.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/base/asio.h"
#include "server/base/cancellation.h"
#include "server/base/problem.h"
#include "worker/protocol/job.h"

namespace pyexec {

struct CallLimits {
  std::uint64_t call_bytes;  // of the arguments of a job's calls that wait, and of their answers
  std::uint64_t calls;       // of one job
  std::chrono::seconds wait = std::chrono::hours(24);         // for answers
  std::chrono::seconds wait_in_all = std::chrono::hours(24);  // of one job
};

struct ToolCall {
  std::uint64_t number;
  std::string name, args_json;
  std::string problem = {};  // why its arguments are none; else ""
};

// Returns the calls of a frame, with their arguments checked and written anew. Any thread.
std::vector<ToolCall> validate_calls(const Untrusted<ToolCalls>& frame, std::uint64_t most_levels);

class PendingCalls {
 public:
  PendingCalls(const CallLimits& limits, std::vector<std::string> tools)
      : limits_(limits), tools_(std::move(tools)) {}

  // For whoever runs the job.
  // Takes calls that were checked. A call of what is no tool of the job is answered at once.
  // Returns false if there are more of them, or larger ones, than there may be.
  enum class Following : bool { none, soon };
  bool add(std::vector<ToolCall> calls, std::uint64_t first, Following following);
  // The worker has reported, or is gone: it waits for nothing any more.
  void close();
  std::function<void(std::string frame)> send;  // to the worker
  std::function<std::uint64_t()> unsent_bytes;  // of those frames, on their way
  std::function<void()> take_output;            // what was printed before a call
  std::function<void()> on_wait;                // the job waits: its place, if it has one, is free
  std::function<awaitable<bool>(Deadline, Cancellation&)> take_place;  // before it goes on
  std::function<void(bool waits)> on_share;  // it begins to wait, or waits no more
  std::function<void()> on_turn;             // `is_waiting`, or `problem`, has changed
  bool is_waiting() const { return !unanswered_.empty(); }
  // When a job that waits has waited for too long, whoever has or has not been told of its calls.
  Deadline patience() const;
  void lose_patience();
  // While this lives, an answer has come, and waits until the job may go on. on_end: the job has
  // ended meanwhile. One at a time.
  class Answering {
   public:
    Answering(PendingCalls& calls, std::function<void()> on_end);
    ~Answering();
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

   private:
    PendingCalls& calls_;
  };
  // The worker's last word was heard.
  bool is_closed() const { return is_closed_; }
  // For how long it has waited in all.
  Clock::duration waited() const;
  std::uint64_t waited_ns() const {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(waited()).count());
  }

  // For whoever talks with the caller.
  std::function<void()> on_call;
  bool has_news() const { return !news_.empty(); }
  bool may_follow() const { return following_ == Following::soon; }
  std::vector<ToolCall> announce() { return std::exchange(news_, {}); }
  bool is_unanswered(std::uint64_t number) const { return unanswered_.contains(number); }
  std::size_t unanswered() const { return unanswered_.size(); }
  // Hands the answers to the script. Each is one to a call without an answer.
  void answer(const std::vector<ToolAnswer>& answers);
  // Nobody will answer. The job is to be ended, with this for its error.
  void give_up(std::string problem);
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  void turn() const {
    if (on_turn) on_turn();
  }
  void share() const {
    if (on_share) on_share(is_waiting());
  }

  // The caller's own time begins once it has been told.
  static constexpr std::chrono::seconds kSlack{2};

  const CallLimits limits_;
  const std::vector<std::string> tools_;
  std::vector<ToolCall> news_;                         // not announced
  std::map<std::uint64_t, std::uint64_t> unanswered_;  // number, bytes of arguments
  std::uint64_t count_ = 0, bytes_ = 0;
  Following following_ = Following::none;
  Clock::duration waited_ = {};
  Deadline waiting_since_ = {}, last_turn_ = {};  // of the last calls or answers
  bool is_closed_ = false, is_being_answered_ = false;
  std::function<void()> on_end_;  // for who answers
  std::optional<std::string> problem_;
};

}  // namespace pyexec
