// The Asio vocabulary of this client: one thread, one io_context, errors as values.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <chrono>
#include <utility>

namespace pyexec::client {

namespace net = boost::asio;
using boost::system::error_code;
using net::awaitable;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// co_await x.async_op(..., kAsTuple) yields [error_code, ...] and does not throw.
inline constexpr auto kAsTuple = net::experimental::as_tuple(net::use_awaitable);

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
  awaitable<void> wait() { co_await wait_until(Deadline::max()); }

 private:
  net::steady_timer timer_;
  bool set_ = false;
};

}  // namespace pyexec::client
