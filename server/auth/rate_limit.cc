#include "server/auth/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace pyexec {
namespace {

using std::chrono::nanoseconds;

// Time that one token takes to come. Whole nanoseconds, so that rounding never shortens a burst.
nanoseconds token_time(const Rate& rate) {
  constexpr double kSecond = 1e9;
  const nanoseconds longest = RateLimiter::kLongestFill / static_cast<std::int64_t>(rate.burst);
  const double wanted = kSecond / rate.per_second;
  if (!(wanted < static_cast<double>(longest.count()))) return longest;
  return nanoseconds(std::max<std::int64_t>(1, std::llround(wanted)));
}

std::uint64_t whole_seconds(nanoseconds time) {
  return static_cast<std::uint64_t>(
      std::max(std::chrono::ceil<std::chrono::seconds>(time).count(), std::int64_t{0}));
}

}  // namespace

Verdict RateLimiter::take(std::string_view subject, const Rate& rate, Time now) {
  forget_full(now);
  const nanoseconds each = token_time(rate);
  const nanoseconds whole = each * static_cast<std::int64_t>(rate.burst);
  const auto known = buckets_.find(subject);
  Time full_at = known == buckets_.end() ? now : known->full_at;
  const bool allowed = full_at - now + each <= whole;
  if (allowed) full_at += each;
  remember(subject, full_at);
  const nanoseconds missing = full_at - now;
  const nanoseconds left = std::max(whole - missing, nanoseconds(0));
  return {.allowed = allowed,
          .limit = rate.burst,
          .remaining = static_cast<std::uint64_t>(left / each),
          .reset_seconds = whole_seconds(missing),
          .retry_after_seconds = whole_seconds(missing + each - whole)};
}

void RateLimiter::forget_full(Time now) {
  auto& by_full = buckets_.get<ByFull>();
  by_full.erase(by_full.begin(), by_full.upper_bound(now));
}

void RateLimiter::remember(std::string_view subject, Time full_at) {
  auto& by_touch = buckets_.get<ByTouch>();
  if (const auto known = buckets_.find(subject); known != buckets_.end()) {
    buckets_.modify(known, [full_at](Bucket& bucket) { bucket.full_at = full_at; });
    by_touch.relocate(by_touch.end(), buckets_.project<ByTouch>(known));
    return;
  }
  if (buckets_.size() >= most_subjects_ && !by_touch.empty()) by_touch.pop_front();
  by_touch.push_back({std::string(subject), full_at});
}

Headers rate_limit_headers(const Verdict& verdict) {
  Headers headers = {{"RateLimit-Limit", std::to_string(verdict.limit)},
                     {"RateLimit-Remaining", std::to_string(verdict.remaining)},
                     {"RateLimit-Reset", std::to_string(verdict.reset_seconds)}};
  if (!verdict.allowed)
    headers.emplace_back("Retry-After", std::to_string(verdict.retry_after_seconds));
  return headers;
}

}  // namespace pyexec
