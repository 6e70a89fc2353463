#include "client/patience.h"

#include "tests/support/catch.h"

namespace pyexec::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Patience::Time;

const Time kStart = Time(std::chrono::hours(1000));

TEST_CASE("each try waits twice as long as the one before, up to the longest", "[patience]") {
  Patience patience(seconds(1000));
  Time now = kStart;
  for (auto wait = milliseconds(100); wait < 2 * Patience::kLongest; wait *= 2) {
    const auto next = patience.failed({now, 1});
    REQUIRE(next);
    CHECK(*next - now == std::min<Patience::Duration>(wait, Patience::kLongest));
    now = *next;
  }
}

TEST_CASE("luck shortens a wait by half of it at most", "[patience]") {
  Patience unlucky(seconds(300)), lucky(seconds(300));
  CHECK(*unlucky.failed({kStart, 1}) == kStart + milliseconds(100));
  CHECK(*lucky.failed({kStart, 0}) == kStart + milliseconds(50));
}

TEST_CASE("many failures at the same time are one", "[patience]") {
  Patience patience(seconds(300));
  const auto next = patience.failed({kStart, 1});
  for (int i = 0; i < 1000; ++i) CHECK(patience.failed({kStart + milliseconds(1), 1}) == next);
  CHECK(*patience.failed({*next, 1}) == *next + milliseconds(200));
}

TEST_CASE("progress forgets what went wrong", "[patience]") {
  Patience patience(seconds(10));
  Time now = kStart;
  for (int i = 0; i < 6; ++i) now = *patience.failed({now, 1});
  patience.progressed();
  CHECK(*patience.failed({now, 1}) == now + milliseconds(100));
  patience.progressed();
  CHECK(patience.failed({kStart + seconds(100), 1}));
}

TEST_CASE("after the limit without progress it gives up, and not before", "[patience]") {
  Patience patience(seconds(10));
  Time now = kStart, last = now;
  while (const auto next = patience.failed({now, 1})) last = now = *next;
  CHECK(last == kStart + seconds(10));
}

TEST_CASE("a limit of nothing gives up at once", "[patience]") {
  Patience patience(seconds(0));
  CHECK_FALSE(patience.failed({kStart, 0.5}));
}

TEST_CASE("the service is left alone for as long as it asks", "[patience]") {
  Patience patience(seconds(300));
  CHECK(*patience.failed({kStart, 1, seconds(7)}) == kStart + seconds(7));
  CHECK(patience.next_try() == kStart + seconds(7));
  CHECK(*patience.failed({kStart + seconds(1), 1, seconds(7)}) == kStart + seconds(8));
  CHECK(*patience.failed({kStart + seconds(8), 1, seconds(0)}) ==
        kStart + seconds(8) + milliseconds(200));
}

TEST_CASE("a service that asks for more than the limit is not waited for", "[patience]") {
  Patience patience(seconds(300));
  CHECK_FALSE(patience.failed({kStart, 1, seconds(301)}));
}

}  // namespace
}  // namespace pyexec::client
