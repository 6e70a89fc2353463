// Runs work that would block the server's thread on threads of its own. Small work is done at once
// in place, because it costs less than a thread hop.
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

  // Call it once the process has dropped its privileges: threads inherit the filter of the one that
  // creates them. Until then all work is done in place.
  void start(std::size_t threads) { pool_.emplace(threads); }

  // Returns or throws what `act` does. bytes: about how many it works on. Until then, its data must
  // stay unchanged and be used by nothing else.
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
