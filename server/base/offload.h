// Work that would keep the server's thread from everybody else, on threads of its own. Small work
// is done at once where it is asked for: a thread hop costs more than it.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "server/base/event.h"

namespace pyexec {

class Offload {
 public:
  // Some 0.5 ms of parsing, checking, encoding or compressing.
  static constexpr std::uint64_t kLargeBytes = 64 << 10;

  // Once the process has given its rights up: threads have the filter of the one that makes them.
  // Until then all work is done at once.
  void start(std::size_t threads) { pool_.emplace(threads); }

  // What `act` returns or throws. It works on about so many bytes. What it refers to must stay as
  // it is until then, and is touched by nobody else.
  template <typename Act>
  awaitable<std::invoke_result_t<Act&>> run(std::uint64_t bytes, Act act) {
    if (!pool_ || bytes < kLargeBytes) co_return act();
    const auto executor = co_await net::this_coro::executor;
    std::optional<std::invoke_result_t<Act&>> result;
    std::exception_ptr problem;
    Event done(executor);
    net::post(*pool_, [&] {
      try {
        result.emplace(act());
      } catch (...) {
        problem = std::current_exception();
      }
      net::post(executor, [&done] { done.set(); });
    });
    co_await done.wait();
    if (problem) std::rethrow_exception(problem);
    co_return std::move(*result);
  }

 private:
  std::optional<net::thread_pool> pool_;
};

}  // namespace pyexec
