#include "server/engine/session.h"

#include <algorithm>

#include "server/job/validate_report.h"

namespace pyexec {
Session::Session(Terms terms_of, std::shared_ptr<SessionJail> its_jail)
    : terms(std::move(terms_of)),
      jail(std::move(its_jail)),
      turn(1),
      end_of_life_(began_ + terms.life) {}

bool Session::keeps(std::uint64_t cell) const {
  if (terms.forks == SessionJail::Forks::no) return cell == head_;
  return cell == 0 || std::any_of(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.cell == cell; });
}

std::string Session::kept_list() const {
  if (terms.forks == SessionJail::Forks::no) return std::to_string(head_);
  std::vector<std::uint64_t> cells = {0};
  for (const Kept& kept : kept_) cells.push_back(kept.cell);
  std::sort(cells.begin(), cells.end());
  std::string list;
  for (const std::uint64_t cell : cells) list += (list.empty() ? "" : ", ") + std::to_string(cell);
  return list;
}

boost::system::result<SessionJail::State, Outcome> Session::state_for(
    const std::optional<std::uint64_t>& at) {
  const std::uint64_t cell = at.value_or(head_);
  if (cell >= next_)
    return failed(OutcomeKind::invalid_request, "'at' names cell " + std::to_string(cell) +
                                                    ", and the last one is " +
                                                    std::to_string(next_ - 1));
  if (!keeps(cell))
    return failed(OutcomeKind::gone,
                  "the state after cell " + std::to_string(cell) +
                      " is not kept; those after these cells are: " + kept_list());
  const auto used =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.cell == cell; });
  if (used != kept_.end()) kept_.splice(kept_.end(), kept_, used);
  return terms.forks == SessionJail::Forks::no ? 0 : cell;
}

Session::Use::Use(Session& session, SessionJail::State state) : session_(session), state_(state) {
  ++session_.running_;
  ++session_.used_[state_];
  session_.last_use_ = Clock::now();
}

Session::Use::~Use() {
  --session_.running_;
  if (--session_.used_[state_] == 0) session_.used_.erase(state_);
  session_.last_use_ = Clock::now();
}

std::uint64_t Session::begin_cell() {
  return next_++;
}

void Session::finish_cell(std::uint64_t number, SessionJail::State from,
                          SessionJail::CellEnd& end) {
  unweighed_ns_ += end.outcome.usage.run_ns;
  const std::uint64_t at = terms.forks == SessionJail::Forks::no ? head_ : from;
  if (end.is_kept) head_ = number;
  if (end.is_kept && terms.forks == SessionJail::Forks::yes)
    kept_.push_back({number, end.grown_bytes});
  records_.push_back({number, at, end.outcome.kind, end.outcome.usage.run_ns, end.grown_bytes});
  if (records_.size() > kMostRecords) records_.pop_front();
  end.outcome.place = CellPlace{number, head_};
  if (!end.is_kept && end.outcome.kind != OutcomeKind::invalid_script && !jail->ended())
    end.outcome.error += !keeps(head_) ? "\nThe newest state is lost: name another one by 'at'."
                                       : "\nThe session goes on from the state after cell " +
                                             std::to_string(head_) + ".";
}

bool Session::take_unweighed() {
  constexpr std::uint64_t kSome = 20'000'000;  // in which a core fills some ten MiB
  if (kept_.empty() || unweighed_ns_ < kSome) return false;
  unweighed_ns_ = 0;
  return true;
}

void Session::lost_state(SessionJail::State state) {
  kept_.remove_if([&](const Kept& kept) { return kept.cell == state; });
}

std::uint64_t Session::drop_one() {
  const auto least = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.cell != head_ && !used_.contains(kept.cell);
  });
  if (least == kept_.end()) return 0;
  const Kept dropped = *least;
  kept_.erase(least);
  jail->drop(dropped.cell);
  return std::max<std::uint64_t>(dropped.grown_bytes, 1);
}

std::uint64_t Session::drop_beyond_limit() {
  std::uint64_t count = 0;
  while (states() > terms.kept_states && drop_one() > 0) ++count;
  return count;
}

std::uint64_t Session::drop_least_used(std::uint64_t bytes) {
  std::uint64_t count = 0;
  for (std::uint64_t dropped = 0; dropped < bytes; ++count) {
    const std::uint64_t freed = drop_one();
    if (freed == 0) break;
    dropped += freed;
  }
  return count;
}

Deadline Session::expires() const {
  if (running_ > 0) return end_of_life_;
  return std::min(end_of_life_, last_use_ + terms.idle);
}

Session::WallClock::time_point Session::expires_at() const {
  return WallClock::now() +
         std::chrono::duration_cast<WallClock::duration>(expires() - Clock::now());
}

}  // namespace pyexec
