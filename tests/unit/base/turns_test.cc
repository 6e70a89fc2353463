#include "server/base/turns.h"

#include <optional>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

// Takers of one place, in the order in which they ask.
struct Takers {
  explicit Takers(std::uint64_t places) : turns(places) {}

  Cancellation& ask(Deadline deadline = Deadline::max()) {
    auto& cancellation = cancellations.emplace_back();
    net::co_spawn(
        context,
        [this, deadline, &cancellation, number = asked++]() -> awaitable<void> {
          auto turn = co_await turns.take(deadline, cancellation);
          (turn ? served : refused).push_back(number);
          if (turn) held.push_back(*std::move(turn));
        },
        net::detached);
    settle();
    return cancellation;
  }
  void settle() {
    context.restart();
    context.poll();
  }

  net::io_context context;
  Turns turns;
  std::list<Cancellation> cancellations;
  std::list<Turns::Turn> held;
  std::vector<int> served, refused;
  int asked = 0;
};

TEST_CASE("no more places are taken than there are, first come, first served", "[turns]") {
  Takers takers(2);
  for (int i = 0; i < 4; ++i) takers.ask();
  CHECK(takers.served == std::vector{0, 1});
  CHECK(takers.turns.taken() == 2);
  takers.held.pop_front();
  takers.settle();
  CHECK(takers.served == std::vector{0, 1, 2});
  takers.held.clear();
  takers.settle();
  CHECK(takers.served == std::vector{0, 1, 2, 3});
  takers.held.clear();
  CHECK(takers.turns.taken() == 0);
}

TEST_CASE("one who gives up waiting takes no place", "[turns]") {
  Takers takers(1);
  takers.ask();
  Cancellation& leaving = takers.ask();
  takers.ask(Clock::now());  // its deadline has passed
  takers.ask();
  leaving.request(Cancellation::By::client);
  takers.settle();
  CHECK(takers.refused == std::vector{2, 1});
  takers.held.clear();
  takers.settle();
  CHECK(takers.served == std::vector{0, 3});
  takers.held.clear();
  CHECK(takers.turns.taken() == 0);
}

}  // namespace
}  // namespace pyexec
