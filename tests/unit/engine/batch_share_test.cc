#include "server/engine/batch_share.h"

#include <optional>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

struct Takers {
  explicit Takers(BatchShare::Limits limits) : share(limits) {}

  void ask() {
    net::co_spawn(
        context,
        [this, number = asked++]() -> awaitable<void> {
          auto place = co_await share.take();
          served.push_back(number);
          places.push_back(std::move(place));
        },
        net::detached);
    settle();
  }
  void give_back() {
    places.pop_back();
    settle();
  }
  void settle() {
    context.restart();
    context.poll();
  }

  net::io_context context;
  BatchShare share;
  int asked = 0;
  std::vector<int> served;
  std::vector<BatchShare::Place> places;
};

TEST_CASE("as many places as the limit, then in turn", "[batch_share]") {
  Takers takers({3, 1});
  for (int i = 0; i < 6; ++i) takers.ask();
  CHECK(takers.served == std::vector{0, 1, 2});
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1, 2, 3});
  takers.give_back();
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1, 2, 3, 4, 5});
  CHECK(takers.places.size() == 3);
}

TEST_CASE("with single requests about, fewer places", "[batch_share]") {
  Takers takers({3, 1});
  takers.share.single_came();
  for (int i = 0; i < 3; ++i) takers.ask();
  CHECK(takers.served == std::vector{0});
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1});
}

TEST_CASE("places that are taken stay when single requests come", "[batch_share]") {
  Takers takers({3, 1});
  for (int i = 0; i < 4; ++i) takers.ask();
  takers.share.single_came();
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1, 2});
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1, 2});
  takers.give_back();
  CHECK(takers.served == std::vector{0, 1, 2, 3});
}

}  // namespace
}  // namespace pyexec
