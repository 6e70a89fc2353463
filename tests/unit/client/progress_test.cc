#include "client/progress.h"

#include "tests/support/catch.h"

namespace pyexec::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Progress::Time;

const Time kStart = Time(std::chrono::hours(1000));

TEST_CASE("with a known number of jobs there is a bar, and the time that is left", "[progress]") {
  Progress progress({200, std::nullopt}, kStart);
  CHECK(progress.bar({0, 0, 0}, kStart) == "[........................] 0/200 0% 0.0/s 0 failed");
  CHECK(progress.bar({50, 3, 0}, kStart + seconds(1)) ==
        "[######..................] 50/200 25% 50/s 3 failed 0:03 left");
  CHECK(progress.bar({200, 3, 0}, kStart + seconds(2)) ==
        "[########################] 200/200 100% 100/s 3 failed 0:00 left");
}

TEST_CASE("with a known number of bytes the bar is of those", "[progress]") {
  Progress progress({std::nullopt, 1000}, kStart);
  CHECK(progress.bar({10, 0, 250}, kStart + seconds(1)) ==
        "[######..................] 10 25% 10/s 0 failed 0:03 left");
}

TEST_CASE("where nothing is known there is no bar", "[progress]") {
  Progress progress({}, kStart);
  CHECK(progress.bar({10, 1, 250}, kStart + seconds(4)) == "10 2.5/s 1 failed");
}

TEST_CASE("the rate is that of the last ten seconds", "[progress]") {
  Progress progress({}, kStart);
  Time now = kStart;
  std::uint64_t done = 0;
  const auto run = [&](int steps, std::uint64_t each) {
    std::string text;
    for (int i = 0; i < steps; ++i)
      text = progress.bar({done += each, 0, 0}, now += milliseconds(200));
    return text;
  };
  CHECK_THAT(run(100, 20), test::contains(" 100/s "));
  CHECK_THAT(run(25, 0), test::contains(" 50/s "));
  CHECK_THAT(run(25, 0), test::contains(" 0.0/s "));
}

TEST_CASE("what an earlier run did is done, but not by this one", "[progress]") {
  Progress progress({100, std::nullopt}, kStart);
  CHECK(progress.bar({60, 0, 0, 50}, kStart + seconds(1)) ==
        "[##############..........] 60/100 60% 10/s 0 failed 0:04 left");
}

TEST_CASE("no jobs at all are all done", "[progress]") {
  Progress progress({0, std::nullopt}, kStart);
  CHECK_THAT(progress.bar({0, 0, 0}, kStart), test::contains("0/0 100%"));
}

TEST_CASE("the summary names every outcome", "[progress]") {
  Tally tally;
  for (const char* outcome : {"ok", "exception", "ok", "time_limit", "exception"})
    tally.count(outcome);
  CHECK(tally.done() == 5);
  CHECK(tally.failed() == 3);
  CHECK(text_of({tally, 0, 0, seconds(2)}) ==
        "5 jobs: 2 ok, 2 exception, 1 time_limit; 2.0 s, 2.5 jobs/s");
  CHECK(text_of({tally, 7, 3, seconds(20)}) ==
        "5 jobs: 2 ok, 2 exception, 1 time_limit, 7 without an answer; 3 of them by an earlier "
        "run; 20 s, 0.1 jobs/s");
}

TEST_CASE("the summary of nothing divides by nothing", "[progress]") {
  CHECK(text_of({Tally()}) == "0 jobs: 0 ok; 0.0 s");
}

}  // namespace
}  // namespace pyexec::client
