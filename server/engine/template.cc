#include "server/engine/template.h"

namespace pyexec {

awaitable<std::optional<Template::Jail>> Template::take(Deadline deadline,
                                                        Cancellation& cancellation) {
  if (is_removed_) co_return std::nullopt;
  if (!free_.empty()) {
    Jail jail = std::move(free_.back());  // the one that was used last: its pages are at hand
    free_.pop_back();
    co_return jail;
  }
  const auto waiting = std::make_shared<Waiting>(co_await net::this_coro::executor);
  waiting_.push_back(waiting);
  {
    const auto listening = cancellation.listen([waiting] { waiting->decided.set(); });
    co_await waiting->decided.wait_until(deadline);
  }
  waiting_.remove(waiting);
  co_return std::move(waiting->jail);
}

void Template::give(Jail jail) {
  if (jail.processes->ended()) return;
  failure_.reset();
  if (is_removed_) return jail.processes->end("its template was removed");
  if (waiting_.empty()) return free_.push_back(std::move(jail));
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next->jail = std::move(jail);
  next->decided.set();
}

void Template::fail(const Outcome& why) {
  failure_ = why;
  for (const auto& waiting : std::exchange(waiting_, {})) waiting->decided.set();
}

void Template::remove(const std::string& why) {
  is_removed_ = true;
  for (const Jail& jail : std::exchange(free_, {})) jail.processes->end(why);
  for (const auto& waiting : std::exchange(waiting_, {})) waiting->decided.set();
}

std::uint64_t Template::sweep() {
  const std::uint64_t gone =
      free_.remove_if([](const Jail& jail) { return jail.processes->ended().has_value(); });
  jails -= gone;
  return gone;
}

}  // namespace pyexec
