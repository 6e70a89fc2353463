// How far the jobs are, as text. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pyexec::client {

// Jobs by how they ended.
struct Tally {
  std::map<std::string, std::uint64_t, std::less<>> by_outcome;

  void count(std::string_view outcome) { ++by_outcome[std::string(outcome)]; }
  std::uint64_t ok() const;
  std::uint64_t done() const;
  std::uint64_t failed() const { return done() - ok(); }
};

class Progress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSpan{10};  // of the rate

  // How much there is to do, as far as it is known; bytes where lines were too many to count.
  struct Total {
    std::optional<std::uint64_t> jobs, bytes;
  };
  Progress(Total total, Time begin) : total_(total), samples_{{begin, 0}} {}

  struct State {
    std::uint64_t done, failed, done_bytes;
    std::uint64_t before = 0;  // done by an earlier run, which is no part of the rate
  };
  // One line without its end.
  std::string bar(const State& state, Time now);

 private:
  double rate(std::uint64_t done, Time now);

  Total total_;
  struct Sample {
    Time at;
    std::uint64_t done;
  };
  std::deque<Sample> samples_;  // of the last kSpan, and one before
};

// The last line of a run.
struct Summary {
  const Tally& tally;
  std::uint64_t unanswered = 0;
  std::uint64_t before = 0;  // of those of `tally`, by an earlier run
  std::chrono::steady_clock::duration time = {};
};
std::string text_of(const Summary& summary);

}  // namespace pyexec::client
