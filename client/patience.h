// How long to wait before the next try, and when to give up. Pure.
#pragma once

#include <chrono>
#include <optional>

namespace pyexec::client {

class Patience {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Duration = Clock::duration;
  static constexpr std::chrono::milliseconds kShortest{100};
  static constexpr std::chrono::seconds kLongest{10};

  // Gives up when failures have come for `limit` without any progress between them.
  explicit Patience(Duration limit) : limit_(limit) {}

  void progressed() {
    troubled_since_ = std::nullopt;
    tries_ = 0;
  }

  struct Failure {
    Time now;
    double luck;                             // from 0 to 1: what spreads clients out
    std::optional<Duration> asked_for = {};  // by the service, in Retry-After
  };
  // When to try again; nothing: give up. Of failures that come before that moment all but the first
  // change nothing, unless the service asks for more time.
  std::optional<Time> failed(const Failure& failure);

  // Before this nothing is to be sent.
  Time next_try() const { return next_try_; }

 private:
  Duration limit_;
  std::optional<Time> troubled_since_;
  Time next_try_ = {};
  unsigned tries_ = 0;
};

}  // namespace pyexec::client
