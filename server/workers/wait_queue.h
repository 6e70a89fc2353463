// The queue of requests that wait for a worker, and of jobs that wait to go on. On the server's
// thread.
#pragma once

#include <array>
#include <list>
#include <memory>

#include "server/base/event.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

// resumed: a job that has its worker, and goes on: it and new ones take turns. single: a request of
// its own. batch: one job of many, after the others.
enum class Rank { resumed, single, batch };

struct WorkerRequest {
  Preload preload;
  Rank rank;
};

// First come first served within a rank.
class WaitQueue {
 public:
  struct Waiter {
    WorkerRequest request;
    Event wake;                            // set once it may run, with its worker, or gives up
    std::shared_ptr<WorkerHandle> worker;  // null until then, and if it needs none
    bool may_run = false;
  };
  using Waiters = std::list<std::shared_ptr<Waiter>>;

  std::shared_ptr<Waiter> join(WorkerRequest request, net::any_io_executor executor) {
    auto waiter = std::make_shared<Waiter>(Waiter{request, Event(executor), nullptr});
    of(request.rank).push_back(waiter);
    return waiter;
  }
  // Removes and returns the next waiter. Returns null if there is none, or none but those that need
  // a worker, and there is no worker.
  enum class Workers : bool { none, some };
  std::shared_ptr<Waiter> next(Workers workers) {
    Waiters& resumed = of(Rank::resumed);
    Waiters& fresh = of(of(Rank::single).empty() ? Rank::batch : Rank::single);
    const bool can_be_fresh = workers == Workers::some && !fresh.empty();
    const bool is_resumed = !resumed.empty() && (!can_be_fresh || !was_resumed_);
    if (!is_resumed && !can_be_fresh) return nullptr;
    was_resumed_ = is_resumed;
    Waiters& chosen = is_resumed ? resumed : fresh;
    auto waiter = std::move(chosen.front());
    chosen.pop_front();
    return waiter;
  }
  void leave(const std::shared_ptr<Waiter>& waiter) { of(waiter->request.rank).remove(waiter); }
  bool empty() const { return size() == 0; }
  std::size_t size() const {
    std::size_t size = 0;
    for (const Waiters& waiters : ranks_) size += waiters.size();
    return size;
  }

 private:
  Waiters& of(Rank rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  const Waiters& of(Rank rank) const { return ranks_[static_cast<std::size_t>(rank)]; }

  std::array<Waiters, 3> ranks_;
  bool was_resumed_ = false;  // the last one
};

}  // namespace pyexec
