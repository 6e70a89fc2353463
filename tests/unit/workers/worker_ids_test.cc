#include "server/workers/worker_ids.h"

#include <set>

#include "tests/support/catch.h"

using pyexec::WorkerIds;

TEST_CASE("no two workers have one uid, however long one is there", "[worker_ids]") {
  constexpr std::uint32_t kUids = 5;
  WorkerIds ids;
  ids.limit(kUids);
  const std::uint32_t oldest = ids.take().value();
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t id = ids.take().value();
    CHECK(id % kUids != oldest % kUids);
    CHECK(seen.insert(id).second);
    ids.release(id);
  }
  ids.release(oldest);
  std::set<std::uint32_t> uids;
  for (std::uint32_t i = 0; i < kUids; ++i) uids.insert(ids.take().value() % kUids);
  CHECK(uids.size() == kUids);
}

TEST_CASE("while every uid is taken there is no id", "[worker_ids]") {
  WorkerIds ids;
  ids.limit(2);
  const std::uint32_t first = ids.take().value();
  REQUIRE(ids.take());
  CHECK_FALSE(ids.take());
  ids.release(first);
  ids.release(first);
  const auto next = ids.take();
  REQUIRE(next);
  CHECK(*next != first);
  ids.release(first);  // late, and somebody else has its uid
  CHECK_FALSE(ids.take());
}

TEST_CASE("an id in the jail of another has the uids of both", "[worker_ids]") {
  WorkerIds ids;
  ids.limit(3);
  const std::uint32_t first = ids.take().value();
  ids.release(first);
  const std::uint32_t second = ids.take().value();
  CHECK(ids.share(first, second));
  CHECK(ids.take() == 2u);
  CHECK_FALSE(ids.take());  // the uid of `first` is in use
  ids.release(second);
  ids.release(second);
  CHECK(ids.take() == 3u);
  CHECK(ids.take() == 4u);
  CHECK_FALSE(ids.take());
}

TEST_CASE(
    "the next worker of a jail has its uid, whether or not the one before is known to have ended",
    "[worker_ids]") {
  WorkerIds ids;
  ids.limit(4);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(ids.take() == i);
  CHECK(ids.share(0, 1));  // 0 is not released
  CHECK(ids.share(0, 2));  // nor is 1
  ids.release(0);
  ids.release(1);
  CHECK(ids.take() == 3u);
  CHECK(ids.take() == 5u);  // the uid of 1; that of 0 is still 2's
  CHECK_FALSE(ids.take());
  ids.release(2);
  CHECK(ids.take() == 6u);
  CHECK(ids.take() == 8u);
  CHECK_FALSE(ids.take());
}

TEST_CASE("a uid that another has meanwhile is not shared", "[worker_ids]") {
  WorkerIds ids;
  ids.limit(3);
  ids.release(ids.take().value());
  for (std::uint32_t i = 1; i < 4; ++i) CHECK(ids.take() == i);
  CHECK_FALSE(ids.share(0, 1));
  CHECK(ids.share(4, 1));  // its own
  ids.release(1);
  CHECK(ids.take() == 4u);
  CHECK_FALSE(ids.take());
}

TEST_CASE("where jobs have no uids there is always an id", "[worker_ids]") {
  WorkerIds ids;
  for (std::uint32_t i = 0; i < 1000; ++i) CHECK(ids.take() == i);
}

TEST_CASE("what was taken before is stale", "[worker_ids]") {
  WorkerIds ids;
  const std::uint32_t before = ids.take().value();
  CHECK(ids.is_fresh(before));
  ids.make_stale();
  CHECK_FALSE(ids.is_fresh(before));
  CHECK(ids.is_fresh(ids.take().value()));
}
