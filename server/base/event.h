// Events that coroutines wait for. On the server's thread.
#pragma once

#include <list>
#include <memory>
#include <utility>

#include "server/base/asio.h"

namespace pyexec {

// A one-time event. `set` may be called repeatedly; one coroutine waits at a time.
class Event {
 public:
  explicit Event(const net::any_io_executor& executor) : timer_(executor) {}

  void set() {
    set_ = true;
    timer_.cancel();
  }
  bool is_set() const { return set_; }

  // Returns whether it happened by `deadline`, or until a nudge.
  awaitable<bool> wait_until(Deadline deadline) {
    if (!set_) {
      timer_.expires_at(deadline);
      co_await timer_.async_wait(kAsTuple);
    }
    co_return set_;
  }
  awaitable<void> wait() {
    while (!set_) co_await wait_until(Deadline::max());
  }
  // Makes whoever waits look again: `wait_until` returns early.
  void nudge() { timer_.cancel(); }

 private:
  net::steady_timer timer_;
  bool set_ = false;
};

// A repeating event. One coroutine waits at a time.
class Signal {
 public:
  explicit Signal(const net::any_io_executor& executor) : timer_(executor) {}

  void set() {
    set_ = true;
    timer_.cancel();
  }
  // Returns whether it has happened since the last call, or happens by `deadline`.
  awaitable<bool> wait_until(Deadline deadline) {
    if (!set_) {
      timer_.expires_at(deadline);
      co_await timer_.async_wait(kAsTuple);
    }
    co_return std::exchange(set_, false);
  }

 private:
  net::steady_timer timer_;
  bool set_ = false;
};

// A repeating event that any number of coroutines wait for.
class Broadcast {
 public:
  explicit Broadcast(net::any_io_executor executor) : executor_(std::move(executor)) {}

  void set() {
    for (const auto& waiting : std::exchange(waiting_, {})) waiting->set();
  }
  // Returns once it happens, or at `deadline`.
  awaitable<void> wait_until(Deadline deadline) {
    const auto turn = std::make_shared<Event>(executor_);
    waiting_.push_back(turn);
    co_await turn->wait_until(deadline);
    waiting_.remove(turn);
  }

 private:
  net::any_io_executor executor_;
  std::list<std::shared_ptr<Event>> waiting_;
};

}  // namespace pyexec
