// A place among the jobs that run at the same time, which a job does without while it waits for its
// caller. On the server's thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "server/base/turns.h"
#include "server/job/pending_calls.h"

namespace pyexec {

using JobTurn = std::shared_ptr<std::optional<Turns::Turn>>;

inline JobTurn job_turn(Turns::Turn turn) {
  return std::make_shared<std::optional<Turns::Turn>>(std::move(turn));
}

// calls: the job's; may be nullptr. `turns` must outlive the job.
inline void lend_turn(const JobTurn& turn, Turns& turns, PendingCalls* calls) {
  if (calls == nullptr) return;
  calls->on_wait = [turn] { turn->reset(); };
  calls->take_place = [turn, &turns](Deadline deadline,
                                     Cancellation& cancellation) -> awaitable<bool> {
    const JobTurn kept = turn;
    auto taking = turns.take(deadline, cancellation);
    auto taken = co_await std::move(taking);
    if (!taken) co_return false;
    kept->emplace(*std::move(taken));
    co_return true;
  };
}

}  // namespace pyexec
