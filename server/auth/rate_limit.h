// Rate limits: one token bucket per subject, which is a key's name or an address. Pure: time is
// passed in.
#pragma once

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "server/http/headers.h"

namespace pyexec {

// A bucket that would take longer than kLongestFill to fill takes kLongestFill.
struct Rate {
  double per_second;    // above 0
  std::uint64_t burst;  // 1 to 10^9: requests at once after a quiet time
};

struct Verdict {
  bool allowed;
  std::uint64_t limit;                // the burst
  std::uint64_t remaining;            // whole tokens left
  std::uint64_t reset_seconds;        // until the bucket is full, rounded up
  std::uint64_t retry_after_seconds;  // until there is a token, rounded up; 0 if there is one
};

class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostSubjects = 100'000;
  static constexpr std::chrono::nanoseconds kLongestFill = std::chrono::seconds(1'000'000'000);

  // Beyond `most_subjects`, the least recently seen subject is forgotten, so its bucket is full
  // again: a client with that many addresses gets past its limits.
  explicit RateLimiter(std::size_t most_subjects = kMostSubjects) : most_subjects_(most_subjects) {}

  // Takes a token if there is one; a refusal costs nothing. Also forgets buckets that are full by
  // now. Takes amortised logarithmic time.
  Verdict take(std::string_view subject, const Rate& rate, Time now);

  std::size_t subjects() const { return buckets_.size(); }  // remembered

 private:
  struct Bucket {
    std::string subject;
    Time full_at;  // with the rate, gives the number of tokens at any time
  };
  struct ByTouch {};  // least recently seen first
  struct ByFull {};
  using Buckets = boost::multi_index_container<
      Bucket, boost::multi_index::indexed_by<
                  boost::multi_index::hashed_unique<
                      boost::multi_index::member<Bucket, std::string, &Bucket::subject>,
                      std::hash<std::string_view>, std::equal_to<>>,
                  boost::multi_index::sequenced<boost::multi_index::tag<ByTouch>>,
                  boost::multi_index::ordered_non_unique<
                      boost::multi_index::tag<ByFull>,
                      boost::multi_index::member<Bucket, Time, &Bucket::full_at>>>>;

  void forget_full(Time now);
  void remember(std::string_view subject, Time full_at);

  std::size_t most_subjects_;
  Buckets buckets_;
};

// Returns RateLimit-Limit, -Remaining and -Reset (draft-ietf-httpapi-ratelimit-headers-03), and
// Retry-After for a refusal.
Headers rate_limit_headers(const Verdict& verdict);

}  // namespace pyexec
