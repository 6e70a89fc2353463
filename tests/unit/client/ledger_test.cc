#include "client/ledger.h"

#include <random>
#include <set>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec::client {
namespace {

using What = Ledger::Verdict::What;

constexpr Ledger::Limits kLimits = {3, 100, 3};

Ledger ledger_with(std::uint64_t jobs) {
  Ledger ledger(kLimits);
  for (std::uint64_t place = 0; place < jobs; ++place)
    ledger.add(place, "job " + std::to_string(place));
  return ledger;
}

std::vector<std::string> take_all(Ledger& ledger) {
  std::vector<std::string> lines;
  while (const auto line = ledger.take_next()) lines.emplace_back(*line);
  return lines;
}

TEST_CASE("lines go out in their order, each once", "[ledger]") {
  Ledger ledger = ledger_with(3);
  CHECK(take_all(ledger) == std::vector<std::string>{"job 0", "job 1", "job 2"});
  CHECK_FALSE(ledger.has_waiting());
  CHECK(ledger.size() == 3);
}

TEST_CASE("an answer names the place of its job in the whole input", "[ledger]") {
  Ledger ledger(kLimits);
  ledger.add(70, "a");
  ledger.add(80, "b");
  take_all(ledger);
  const auto verdict = ledger.settle(1, "exception");
  CHECK(verdict.what == What::report);
  CHECK(verdict.place == 80);
  CHECK(verdict.bytes == 1);
  CHECK(ledger.settle(0, "ok").place == 70);
  CHECK(ledger.size() == 0);
  CHECK(ledger.bytes() == 0);
}

TEST_CASE("a job is answered once on a connection", "[ledger]") {
  Ledger ledger = ledger_with(2);
  ledger.take_next();
  CHECK(ledger.settle(1, "ok").what == What::unknown);  // not sent
  CHECK(ledger.settle(0, "ok").what == What::report);
  CHECK(ledger.settle(0, "ok").what == What::unknown);
  CHECK(ledger.settle(99, "ok").what == What::unknown);
}

TEST_CASE("a new connection gets what has no answer, and counts anew", "[ledger]") {
  Ledger ledger = ledger_with(3);
  take_all(ledger);
  ledger.settle(1, "ok");
  ledger.restart();
  CHECK_FALSE(ledger.has_out());
  CHECK(take_all(ledger) == std::vector<std::string>{"job 0", "job 2"});
  CHECK(ledger.settle(1, "ok").place == 2);
  CHECK(ledger.settle(0, "ok").place == 0);
}

TEST_CASE("jobs that found no place are sent again, however often", "[ledger]") {
  for (const char* outcome : {"busy", "rate_limited"}) {
    Ledger ledger = ledger_with(1);
    for (std::uint64_t index = 0; index < 50; ++index) {
      REQUIRE(ledger.take_next() == "job 0");
      REQUIRE(ledger.settle(index, outcome).what == What::again);
    }
    ledger.take_next();
    CHECK(ledger.settle(50, "ok").what == What::report);
  }
}

TEST_CASE("a job that the service loses is sent again three times, then reported", "[ledger]") {
  Ledger ledger = ledger_with(1);
  for (unsigned tries = 0; tries < kLimits.internal_retries; ++tries) {
    ledger.take_next();
    CHECK(ledger.settle(0, "internal").what == What::again);
    ledger.restart();  // the tries are the job's, not the connection's
  }
  ledger.take_next();
  CHECK(ledger.settle(0, "internal").what == What::report);
}

TEST_CASE("every other outcome is final", "[ledger]") {
  for (const char* outcome : {"ok", "invalid_request", "invalid_script", "time_limit", "killed",
                              "one that is not known yet"}) {
    Ledger ledger = ledger_with(1);
    ledger.take_next();
    CHECK(ledger.settle(0, outcome).what == What::report);
  }
}

TEST_CASE("there is room for so many jobs and bytes, answered or not yet sent", "[ledger]") {
  Ledger ledger = ledger_with(2);
  CHECK(ledger.has_room(100 - ledger.bytes()));
  CHECK_FALSE(ledger.has_room(101 - ledger.bytes()));
  ledger.add(2, "x");
  CHECK_FALSE(ledger.has_room(0));
  take_all(ledger);
  CHECK_FALSE(ledger.has_room(0));
  ledger.settle(0, "busy");
  CHECK_FALSE(ledger.has_room(0));
  ledger.settle(1, "ok");
  CHECK(ledger.has_room(0));
}

TEST_CASE("a single job may be larger than all together", "[ledger]") {
  Ledger ledger(kLimits);
  CHECK(ledger.has_room(1000));
  ledger.add(0, std::string(1000, 'x'));
  CHECK_FALSE(ledger.has_room(1));
}

TEST_CASE("whatever happens, each job is reported exactly once", "[ledger]") {
  constexpr std::uint64_t kJobs = 300;
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    Ledger ledger({20, 1 << 20, 2});
    std::multiset<std::uint64_t> reported;
    std::vector<std::uint64_t> out;  // indexes on this connection
    std::uint64_t next = 0, sent = 0;
    while (next < kJobs || ledger.size() > 0) {
      const auto dice = random() % 100;
      if (dice < 30 && next < kJobs && ledger.has_room(10)) {
        ledger.add(next, std::to_string(next));
        ++next;
      } else if (dice < 60) {
        if (ledger.take_next()) out.push_back(sent++);
      } else if (dice < 97 && !out.empty()) {
        std::swap(out[random() % out.size()], out.back());
        const char* outcomes[] = {"ok", "exception", "busy", "internal", "rate_limited"};
        const auto verdict = ledger.settle(out.back(), outcomes[random() % 5]);
        out.pop_back();
        REQUIRE(verdict.what != What::unknown);
        if (verdict.what == What::report) reported.insert(verdict.place);
      } else if (dice >= 97) {
        ledger.restart();
        out.clear();
        sent = 0;
      }
    }
    CHECK(reported.size() == kJobs);
    CHECK(std::set(reported.begin(), reported.end()).size() == kJobs);
  }
}

}  // namespace
}  // namespace pyexec::client
