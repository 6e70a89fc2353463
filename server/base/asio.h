// The Asio vocabulary of this server: one thread, one io_context, errors as values.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace pyexec {

namespace net = boost::asio;
using boost::system::error_code;
using net::awaitable;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// co_await x.async_op(..., kAsTuple) yields [error_code, ...] and does not throw.
inline constexpr auto kAsTuple = net::experimental::as_tuple(net::use_awaitable);

// Something that happens once. Any number of `set`s, one coroutine waiting at a time.
class Event {
 public:
  explicit Event(net::any_io_executor executor) : timer_(std::move(executor)) {}

  void set() {
    set_ = true;
    timer_.cancel();
  }
  bool is_set() const { return set_; }

  // Whether it happened by then.
  awaitable<bool> wait_until(Deadline deadline) {
    if (!set_) {
      timer_.expires_at(deadline);
      co_await timer_.async_wait(kAsTuple);
    }
    co_return set_;
  }
  awaitable<void> wait() { co_await wait_until(Deadline::max()); }

 private:
  net::steady_timer timer_;
  bool set_ = false;
};

// Something that happens again and again. One coroutine waits at a time.
class Signal {
 public:
  explicit Signal(net::any_io_executor executor) : timer_(std::move(executor)) {}

  void set() {
    set_ = true;
    timer_.cancel();
  }
  // Whether it has happened since the last call, or does by then.
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

// The wish that a job should end. Whoever works on the job at the moment listens.
class Cancellation {
 public:
  enum class By { client, service };
  // The first to wish it is whose wish it is.
  void request(By by) {
    if (!by_) by_ = by;
    if (listener_) listener_();
  }
  bool requested() const { return by_.has_value(); }
  bool requested(By by) const { return by_ == by; }
  // Replaces the listener; called at once if the wish is there already.
  void listen(std::function<void()> listener) {
    listener_ = std::move(listener);
    if (by_ && listener_) listener_();
  }

 private:
  std::optional<By> by_;
  std::function<void()> listener_;
};

}  // namespace pyexec
