#include "server/engine/template.h"

#include "server/job/validate_report.h"

namespace pyexec {

Outcome unknown_template(const std::string& name) {
  return failed(OutcomeKind::unknown_template,
                "no template " + name +
                    " on this instance: send it again to PUT /templates, and then this request");
}

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

bool Template::give(Jail jail) {
  if (is_removed_) jail.processes->end("its template was removed");
  if (jail.processes->ended()) {
    --jails;
    return false;
  }
  failure_.reset();
  if (waiting_.empty()) {
    free_.push_back(std::move(jail));
    return true;
  }
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next->jail = std::move(jail);
  next->decided.set();
  return true;
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
