// The queue of requests that wait for a worker. On the server's thread.
#pragma once

#include <list>
#include <memory>

#include "server/base/event.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

// single: a request of its own. batch: one job of many; single requests go first.
enum class Rank { single, batch };

struct WorkerRequest {
  Preload preload;
  Rank rank;
};

// First come first served within a rank.
class WaitQueue {
 public:
  struct Waiter {
    WorkerRequest request;
    Event wake;                            // set once it has its worker
    std::shared_ptr<WorkerHandle> worker;  // null until then
  };

  std::shared_ptr<Waiter> join(WorkerRequest request, net::any_io_executor executor) {
    auto waiter = std::make_shared<Waiter>(Waiter{request, Event(std::move(executor)), nullptr});
    (request.rank == Rank::single ? singles_ : batches_).push_back(waiter);
    return waiter;
  }
  // Removes and returns the next waiter. Returns null if the queue is empty.
  std::shared_ptr<Waiter> next() {
    auto& queue = singles_.empty() ? batches_ : singles_;
    if (queue.empty()) return nullptr;
    auto waiter = std::move(queue.front());
    queue.pop_front();
    return waiter;
  }
  void leave(const std::shared_ptr<Waiter>& waiter) {
    (waiter->request.rank == Rank::single ? singles_ : batches_).remove(waiter);
  }
  bool empty() const { return singles_.empty() && batches_.empty(); }
  std::size_t size() const { return singles_.size() + batches_.size(); }

 private:
  std::list<std::shared_ptr<Waiter>> singles_, batches_;
};

}  // namespace pyexec
