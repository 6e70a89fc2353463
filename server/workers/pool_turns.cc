// Which job runs next, and on which worker.
#include <algorithm>

#include "server/workers/pool.h"

namespace pyexec {

awaitable<std::optional<Pool::Lease>> Pool::take(WorkerRequest request, Deadline deadline,
                                                 Cancellation& cancellation) {
  forecast_.saw(request.preload);
  const auto waiter = waiting_.join(request, executor_);
  hand_out();
  const bool hit = waiter->worker != nullptr;
  if (!hit) {
    const auto listening = cancellation.listen([waiter] { waiter->wake.set(); });
    co_await waiter->wake.wait_until(deadline);
  }
  if (!waiter->worker) {
    waiting_.leave(waiter);
    co_return std::nullopt;
  }
  metrics_.count_take(hit);
  co_return Lease(*this, std::move(waiter->worker));
}

awaitable<bool> Pool::Lease::resume(Deadline deadline, Cancellation& cancellation) {
  if (is_running_) co_return true;
  const auto waiter = pool_->waiting_.join({worker_->preload(), Rank::resumed}, pool_->executor_);
  pool_->hand_out();
  {
    const auto listening = cancellation.listen([waiter] { waiter->wake.set(); });
    co_await waiter->wake.wait_until(deadline);
  }
  is_running_ = waiter->may_run;
  if (!is_running_) pool_->waiting_.leave(waiter);
  co_return is_running_;
}

// Takes the newest worker: the memory it has written is the likeliest to be in the caches. Takes
// one of the other kind if earlier demand left some over: nobody else would ever take them.
std::shared_ptr<WorkerHandle> Pool::take_parked(Preload preload) {
  constexpr double kLeftOver = 2;
  const Preload other = preload == Preload::pandas ? Preload::basic : Preload::pandas;
  const double left_over = forecast_.surplus(other, fresh_with(other), limits_.workers);
  const Preload wanted = left_over >= kLeftOver ? other : preload;
  const auto found = std::find_if(parked_.rbegin(), parked_.rend(),
                                  [&](const auto& worker) { return worker->preload() == wanted; });
  const auto chosen = std::prev(found == parked_.rend() ? parked_.end() : found.base());
  auto worker = std::move(*chosen);
  parked_.erase(chosen);
  return worker;
}

void Pool::hand_out() {
  while (running_ < limits_.running_jobs) {
    using Workers = WaitQueue::Workers;
    const auto waiter = waiting_.next(parked_.empty() ? Workers::none : Workers::some);
    if (!waiter) break;
    if (waiter->request.rank != Rank::resumed)
      waiter->worker = take_parked(waiter->request.preload);
    ++running_;
    waiter->may_run = true;
    waiter->wake.set();
  }
  if (fresh() < limits_.workers) refill_soon();
}

}  // namespace pyexec
