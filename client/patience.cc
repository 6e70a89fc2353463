#include "client/patience.h"

#include <algorithm>

namespace pyexec::client {

std::optional<Patience::Time> Patience::failed(const Failure& failure) {
  if (!troubled_since_) troubled_since_ = failure.now;
  const Time end = *troubled_since_ + limit_;
  if (failure.now >= end) return std::nullopt;
  if (failure.asked_for && failure.now + *failure.asked_for > end) return std::nullopt;
  if (failure.now >= next_try_) {
    constexpr unsigned kMostDoublings = 16;
    const Duration nominal =
        std::min<Duration>(kShortest * (1u << std::min(tries_++, kMostDoublings)), kLongest);
    // Half of it at least.
    const auto wait = std::chrono::duration<double>(nominal) * (0.5 + 0.5 * failure.luck);
    next_try_ = failure.now + std::chrono::duration_cast<Duration>(wait);
  }
  if (failure.asked_for) next_try_ = std::max(next_try_, failure.now + *failure.asked_for);
  return next_try_ = std::min(next_try_, end);
}

}  // namespace pyexec::client
