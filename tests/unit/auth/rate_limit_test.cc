#include "server/auth/rate_limit.h"
#include "server/http/client_subject.h"

#include <map>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Time = RateLimiter::Time;

const Time kStart = Time(std::chrono::hours(1000));

std::string subject_of(std::size_t number) {
  return "subject-" + std::to_string(number);
}

std::uint64_t allowed_of(RateLimiter& limiter, const Rate& rate, Time now) {
  std::uint64_t allowed = 0;
  while (limiter.take("a", rate, now).allowed) ++allowed;
  return allowed;
}

std::string subject_of_address(const std::string& address) {
  return client_subject(boost::asio::ip::make_address(address));
}

TEST_CASE("a quiet subject may ask as often as the burst says, and no more", "[rate_limit]") {
  for (const double per_second : {0.000001, 0.01, 0.5, 1.0, 3.0, 7.0, 60.0 / 7, 1000.0, 1e6, 2e7})
    for (const std::uint64_t burst : {1, 2, 3, 7, 60, 10'000}) {
      RateLimiter limiter;
      CAPTURE(per_second, burst);
      CHECK(allowed_of(limiter, {per_second, burst}, kStart) == burst);
    }
}

TEST_CASE("the verdict counts down to the refusal", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {0.5, 3};
  for (const std::uint64_t remaining : {2, 1, 0}) {
    const Verdict verdict = limiter.take("a", rate, kStart);
    CHECK(verdict.allowed);
    CHECK(verdict.limit == 3);
    CHECK(verdict.remaining == remaining);
    CHECK(verdict.reset_seconds == 2 * (3 - remaining));
    CHECK(verdict.retry_after_seconds == (remaining == 0 ? 2 : 0));
  }
  const Verdict refused = limiter.take("a", rate, kStart);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.limit == 3);
  CHECK(refused.remaining == 0);
  CHECK(refused.reset_seconds == 6);
  CHECK(refused.retry_after_seconds == 2);
}

TEST_CASE("a token comes when its time is over and not a nanosecond before", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {0.5, 1};
  CHECK(limiter.take("a", rate, kStart).allowed);
  const Verdict early = limiter.take("a", rate, kStart + seconds(2) - nanoseconds(1));
  CHECK_FALSE(early.allowed);
  CHECK(early.retry_after_seconds == 1);
  CHECK(limiter.take("a", rate, kStart + seconds(2)).allowed);
}

TEST_CASE("who waits as long as Retry-After says is served", "[rate_limit]") {
  for (const double per_second : {0.013, 0.3, 1.0, 7.0, 1e3, 1e6}) {
    RateLimiter limiter;
    const Rate rate = {per_second, 5};
    Time now = kStart + milliseconds(123);
    for (int round = 0; round < 50; ++round) {
      allowed_of(limiter, rate, now);
      const Verdict refused = limiter.take("a", rate, now);
      REQUIRE(refused.retry_after_seconds >= 1);
      now += seconds(refused.retry_after_seconds);
      CAPTURE(per_second, round);
      REQUIRE(limiter.take("a", rate, now).allowed);
    }
  }
}

TEST_CASE("over a long time the rate is kept, however often it is asked", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {7, 10};
  std::uint64_t allowed = 0;
  constexpr int kSeconds = 100, kStep = 10;
  for (int ms = 0; ms < kSeconds * 1000; ms += kStep)
    allowed += limiter.take("a", rate, kStart + milliseconds(ms)).allowed ? 1 : 0;
  CHECK(allowed >= 7 * kSeconds + 9);
  CHECK(allowed <= 7 * kSeconds + 10);
}

TEST_CASE("being refused costs nothing", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {1, 1};
  limiter.take("a", rate, kStart);
  for (int i = 0; i < 1000; ++i) limiter.take("a", rate, kStart);
  CHECK(limiter.take("a", rate, kStart + seconds(1)).allowed);
}

TEST_CASE("quiet saves up no more than the burst", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {1, 3};
  allowed_of(limiter, rate, kStart);
  CHECK(allowed_of(limiter, rate, kStart + std::chrono::hours(5)) == 3);
}

TEST_CASE("subjects have buckets of their own", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {1, 1};
  CHECK(limiter.take("a", rate, kStart).allowed);
  CHECK(limiter.take("b", rate, kStart).allowed);
  CHECK(limiter.take("", rate, kStart).allowed);
  CHECK(limiter.take(std::string_view("a\0", 2), rate, kStart).allowed);
  CHECK_FALSE(limiter.take("a", rate, kStart).allowed);
}

TEST_CASE("a subject whose rate becomes another is served by that", "[rate_limit]") {
  RateLimiter limiter;
  for (int i = 0; i < 5; ++i) limiter.take("a", {0.001, 5}, kStart);
  const Verdict verdict = limiter.take("a", {1000, 5}, kStart);
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.remaining == 0);
}

TEST_CASE("rates and bursts at the ends of what is allowed do not overflow", "[rate_limit]") {
  const auto longest = std::chrono::duration_cast<seconds>(RateLimiter::kLongestFill).count();
  for (const double per_second : {1e-300, 1e-6, 1e9, 1e300})
    for (const std::uint64_t burst : {std::uint64_t{1}, std::uint64_t{1'000'000'000}}) {
      RateLimiter limiter;
      const Verdict first = limiter.take("a", {per_second, burst}, kStart);
      CHECK(first.allowed);
      CHECK(first.remaining == burst - 1);
      CHECK(first.reset_seconds >= 1);
      CHECK(first.reset_seconds <= static_cast<std::uint64_t>(longest));
    }
}

TEST_CASE("full buckets are forgotten", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {1, 10};
  for (std::size_t i = 0; i < 1000; ++i) limiter.take(subject_of(i), rate, kStart);
  CHECK(limiter.subjects() == 1000);
  limiter.take("a", rate, kStart + milliseconds(999));
  CHECK(limiter.subjects() == 1001);
  limiter.take("b", rate, kStart + seconds(1));
  CHECK(limiter.subjects() == 2);
}

TEST_CASE("a bucket that fills slowly keeps no other from being forgotten", "[rate_limit]") {
  RateLimiter limiter;
  limiter.take("slow", {0.0001, 1}, kStart);
  for (std::size_t i = 0; i < 1000; ++i) limiter.take(subject_of(i), {1, 1}, kStart);
  limiter.take("slow", {0.0001, 1}, kStart + seconds(1));
  CHECK(limiter.subjects() == 1);
}

TEST_CASE("however many subjects come, no more than the most are remembered", "[rate_limit]") {
  RateLimiter limiter;
  const Rate rate = {0.001, 2};
  for (std::size_t i = 0; i < 2 * RateLimiter::kMostSubjects; ++i)
    limiter.take(subject_of(i), rate, kStart + nanoseconds(i));
  CHECK(limiter.subjects() == RateLimiter::kMostSubjects);
}

TEST_CASE("beyond the most the one that has not asked for longest is forgotten", "[rate_limit]") {
  RateLimiter limiter(3);
  const Rate rate = {0.001, 1};
  for (const char* subject : {"a", "b", "c"}) limiter.take(subject, rate, kStart);
  CHECK_FALSE(limiter.take("a", rate, kStart).allowed);  // a refusal is asking, too
  CHECK(limiter.take("d", rate, kStart).allowed);
  CHECK(limiter.subjects() == 3);
  CHECK_FALSE(limiter.take("a", rate, kStart).allowed);
  CHECK_FALSE(limiter.take("c", rate, kStart).allowed);
  CHECK(limiter.take("b", rate, kStart).allowed);
}

TEST_CASE("before one with tokens missing is forgotten the full ones are", "[rate_limit]") {
  RateLimiter limiter(2);
  limiter.take("slow", {0.001, 1}, kStart);
  limiter.take("quick", {1, 1}, kStart);
  limiter.take("new", {0.001, 1}, kStart + seconds(1));
  CHECK_FALSE(limiter.take("slow", {0.001, 1}, kStart + seconds(1)).allowed);
}

TEST_CASE("an allowed request is told the limit, a refused one also when to come", "[rate_limit]") {
  const auto fields = [](const Verdict& verdict) {
    const Headers headers = rate_limit_headers(verdict);
    return std::map<std::string, std::string>(headers.begin(), headers.end());
  };
  CHECK(fields({true, 60, 59, 2, 0}) ==
        std::map<std::string, std::string>{
            {"RateLimit-Limit", "60"}, {"RateLimit-Remaining", "59"}, {"RateLimit-Reset", "2"}});
  CHECK(fields({false, 60, 0, 61, 2}) ==
        std::map<std::string, std::string>{{"RateLimit-Limit", "60"},
                                           {"RateLimit-Remaining", "0"},
                                           {"RateLimit-Reset", "61"},
                                           {"Retry-After", "2"}});
}

TEST_CASE("an IPv4 address is one client, however it is written", "[rate_limit]") {
  CHECK(subject_of_address("192.0.2.1") == "192.0.2.1");
  CHECK(subject_of_address("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(subject_of_address("192.0.2.1") != subject_of_address("192.0.2.2"));
}

TEST_CASE("the IPv6 addresses of one /64 are one client", "[rate_limit]") {
  CHECK(subject_of_address("2001:db8:1:2::1") == "2001:db8:1:2::/64");
  CHECK(subject_of_address("2001:db8:1:2:ffff:ffff:ffff:ffff") == "2001:db8:1:2::/64");
  CHECK(subject_of_address("2001:db8:1:3::1") == "2001:db8:1:3::/64");
  CHECK(subject_of_address("fe80::1%1") == subject_of_address("fe80::2%2"));
  CHECK(subject_of_address("::1") == "::/64");
}

}  // namespace
}  // namespace pyexec
