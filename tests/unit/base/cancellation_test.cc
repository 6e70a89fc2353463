#include "server/base/cancellation.h"

#include "tests/support/catch.h"

using namespace pyexec;
using By = Cancellation::By;

TEST_CASE("everybody who listens hears of a request, and nobody afterwards", "[cancellation]") {
  Cancellation cancellation;
  int first = 0, second = 0;
  auto listening = cancellation.listen([&] { ++first; });
  {
    const auto for_a_while = cancellation.listen([&] { ++second; });
    cancellation.request(By::client);
  }
  cancellation.request(By::service);
  CHECK(first == 2);
  CHECK(second == 1);
  const auto moved = std::move(listening);
  cancellation.request(By::service);
  CHECK(first == 3);
}

TEST_CASE("whoever requests it first has requested it", "[cancellation]") {
  Cancellation cancellation;
  CHECK_FALSE(cancellation.requested());
  cancellation.request(By::client);
  cancellation.request(By::service);
  CHECK(cancellation.requested(By::client));
  CHECK_FALSE(cancellation.requested(By::service));
}

TEST_CASE("a request that is there already is heard of at once", "[cancellation]") {
  Cancellation cancellation;
  cancellation.request(By::client);
  int heard = 0;
  const auto listening = cancellation.listen([&] { ++heard; });
  CHECK(heard == 1);
}
