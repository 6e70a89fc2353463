#include "server/job/pending_calls.h"

#include <algorithm>

#include "server/base/utf8.h"
#include "server/json/untrusted_json.h"
#include "worker/protocol/frame.h"

namespace pyexec {

std::vector<ToolCall> validate_calls(const Untrusted<ToolCalls>& frame, std::uint64_t most_levels) {
  std::vector<ToolCall> out;
  std::uint64_t number = frame.unchecked().first;
  for (const auto& [name, args] : frame.unchecked().calls) {
    ToolCall call = {number++, to_valid_utf8(name), {}};
    auto checked = reserialise(args, most_levels, "the value of the arguments");
    if (!checked)
      call.problem = checked.error().message;
    else if (checked->front() != '{' && checked->front() != '[')
      call.problem = "the arguments are no object and no array";
    else
      call.args_json = *std::move(checked);
    out.push_back(std::move(call));
  }
  return out;
}

bool PendingCalls::add(std::vector<ToolCall> calls, std::uint64_t first, Following following) {
  if (is_closed_) return true;
  if (first != count_ + 1 || calls.size() > limits_.calls - count_) return false;
  if (unanswered_.size() + calls.size() > kMostCallsAtOnce) return false;
  if (take_output) take_output();
  count_ += calls.size();
  following_ = following;
  const bool was_waiting = is_waiting();
  std::vector<ToolAnswer> refused;
  for (ToolCall& call : calls) {
    if (std::find(tools_.begin(), tools_.end(), call.name) == tools_.end())
      call.problem = "this request names no such tool";
    if (!call.problem.empty()) {
      refused.push_back({call.number, 1, std::move(call.problem)});
      continue;
    }
    unanswered_[call.number] = call.args_json.size();
    bytes_ += call.args_json.size();
    news_.push_back(std::move(call));
  }
  // Written anew, a text may be longer than the worker's own.
  if (bytes_ > 2 * limits_.call_bytes) return false;
  for (const ToolAnswer& answer : refused)
    if (send) send(encode_answer(answer));
  if (has_news()) last_turn_ = Clock::now();
  if (!was_waiting && is_waiting()) {
    waiting_since_ = last_turn_;
    if (on_wait) on_wait();
    share();
    turn();
  }
  if (has_news() && on_call) on_call();
  return true;
}

void PendingCalls::close() {
  waited_ = waited();
  is_closed_ = true;
  news_.clear();
  unanswered_.clear();
  share();
  on_share = nullptr;
  send = nullptr;
  unsent_bytes = nullptr;
  take_output = nullptr;
  on_wait = nullptr;
  take_place = nullptr;
  turn();  // the clock goes on, if the job does
  if (on_end_) on_end_();
}

Deadline PendingCalls::patience() const {
  const Deadline in_all = waiting_since_ + (limits_.wait_in_all - waited_);
  if (is_being_answered_) return in_all;
  return std::min(last_turn_ + limits_.wait + kSlack, in_all);
}

PendingCalls::Answering::Answering(PendingCalls& calls, std::function<void()> on_end)
    : calls_(calls) {
  calls.is_being_answered_ = true;
  calls.on_end_ = std::move(on_end);
  calls.turn();
}

PendingCalls::Answering::~Answering() {
  calls_.is_being_answered_ = false;
  calls_.on_end_ = nullptr;
  calls_.last_turn_ = Clock::now();
  calls_.turn();
}

Clock::duration PendingCalls::waited() const {
  return is_waiting() ? waited_ + (Clock::now() - waiting_since_) : waited_;
}

void PendingCalls::answer(const std::vector<ToolAnswer>& answers) {
  if (!is_waiting()) return;
  std::vector<const ToolAnswer*> wanted;
  wanted.reserve(answers.size());
  for (const ToolAnswer& answer : answers) {
    const auto call = unanswered_.find(answer.number);
    if (call == unanswered_.end()) continue;
    bytes_ -= call->second;
    unanswered_.erase(call);
    wanted.push_back(&answer);
  }
  if (!is_waiting()) share();
  for (const ToolAnswer* answer : wanted)
    if (send) send(encode_answer(*answer));
  last_turn_ = Clock::now();
  if (is_waiting()) {
    if (on_wait) on_wait();  // another call has come while the job was to go on
    return;
  }
  waited_ += last_turn_ - waiting_since_;
  turn();
}

void PendingCalls::lose_patience() {
  if (waited() >= limits_.wait_in_all)
    return give_up("the calls of tools took more than " +
                   std::to_string(limits_.wait_in_all.count()) + " s in all (PYEXEC_CALLS_WAIT_S)");
  give_up("calls of tools were not answered within " + std::to_string(limits_.wait.count()) +
          " s (PYEXEC_CALL_WAIT_S)");
}

void PendingCalls::give_up(std::string problem) {
  if (!problem_) problem_ = std::move(problem);
  turn();
}

}  // namespace pyexec
