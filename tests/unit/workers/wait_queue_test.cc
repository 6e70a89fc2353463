#include "server/workers/wait_queue.h"

#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Workers = WaitQueue::Workers;

struct Queue : WaitQueue {
  void add(std::initializer_list<Rank> ranks) {
    for (const Rank rank : ranks) join({Preload::basic, rank}, context.get_executor());
  }
  std::vector<Rank> all(Workers workers) {
    std::vector<Rank> order;
    while (const auto waiter = next(workers)) order.push_back(waiter->request.rank);
    return order;
  }
  net::io_context context;
};

TEST_CASE("jobs that go on and new ones take turns", "[wait_queue]") {
  Queue queue;
  queue.add({Rank::single, Rank::resumed, Rank::batch, Rank::resumed, Rank::resumed});
  CHECK(queue.size() == 5);
  CHECK(queue.all(Workers::some) ==
        std::vector<Rank>{Rank::resumed, Rank::single, Rank::resumed, Rank::batch, Rank::resumed});
  CHECK(queue.empty());
}

TEST_CASE("where no worker is ready, only jobs that go on are next", "[wait_queue]") {
  Queue queue;
  queue.add({Rank::single, Rank::resumed, Rank::resumed});
  CHECK(queue.all(Workers::none) == std::vector<Rank>{Rank::resumed, Rank::resumed});
  CHECK(queue.all(Workers::some) == std::vector<Rank>{Rank::single});
}

}  // namespace
}  // namespace pyexec
