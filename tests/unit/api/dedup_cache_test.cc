#include "server/api/queue/dedup_cache.h"

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using std::chrono::seconds;
using Source = MessageSource;

const Deadline kNow = Deadline() + seconds(1000);

DedupCache::Name name_of(const char* id, const char* job = "{}", const char* queue = "q") {
  return *DedupCache::name_of({Source::pubsub, queue, id}, job, "");
}

bool is_new(DedupCache& dedup_cache, const DedupCache::Name& name, Deadline now) {
  auto begun = dedup_cache.begin(name, now);
  if (auto* turn = std::get_if<DedupCache::Turn>(&begun)) {
    turn->end(OutcomeKind::ok, now);
    return true;
  }
  return false;
}

TEST_CASE("a message that has ended is not run again, and its end is known", "[dedup_cache]") {
  DedupCache dedup_cache(seconds(10));
  {
    auto begun = dedup_cache.begin(name_of("1"), kNow);
    std::get<DedupCache::Turn>(begun).end(OutcomeKind::exception, kNow);
  }
  CHECK(std::get<OutcomeKind>(dedup_cache.begin(name_of("1"), kNow)) == OutcomeKind::exception);
  CHECK(is_new(dedup_cache, name_of("2"), kNow));
}

TEST_CASE("one in work is neither run again nor answered", "[dedup_cache]") {
  DedupCache dedup_cache(seconds(10));
  auto first = dedup_cache.begin(name_of("1"), kNow);
  auto second = dedup_cache.begin(name_of("1"), kNow);
  CHECK(std::holds_alternative<DedupCache::InWork>(second));
}

TEST_CASE("one that came to no end may be run again", "[dedup_cache]") {
  DedupCache dedup_cache(seconds(10));
  { auto turn = dedup_cache.begin(name_of("1"), kNow); }
  CHECK(is_new(dedup_cache, name_of("1"), kNow));
}

TEST_CASE("an end is kept for the window, and no longer", "[dedup_cache]") {
  DedupCache dedup_cache(seconds(10));
  CHECK(is_new(dedup_cache, name_of("1"), kNow));
  CHECK_FALSE(is_new(dedup_cache, name_of("1"), kNow + seconds(9)));
  CHECK(is_new(dedup_cache, name_of("1"), kNow + seconds(10)));
  DedupCache none(seconds(0));
  CHECK(is_new(none, name_of("1"), kNow));
  CHECK(is_new(none, name_of("1"), kNow));
}

TEST_CASE("the oldest go when there are too many", "[dedup_cache]") {
  DedupCache dedup_cache(seconds(10));
  for (int i = 0; i < 100'002; ++i)
    CHECK(is_new(dedup_cache, name_of(std::to_string(i).c_str()), kNow));
  CHECK(is_new(dedup_cache, name_of("0"), kNow));
  CHECK_FALSE(is_new(dedup_cache, name_of("100001"), kNow));
}

TEST_CASE("queue, message, job and key all make the name", "[dedup_cache]") {
  const auto name = name_of("1", "{}", "q");
  CHECK(name == name_of("1", "{}", "q"));
  CHECK(name != name_of("1", "{ }", "q"));
  CHECK(name != name_of("1", "{}", "q1"));
  CHECK(name != name_of("11", "{}", "q"));
  CHECK(name != *DedupCache::name_of({Source::cloud_tasks, "q", "1"}, "{}", ""));
  CHECK(name != *DedupCache::name_of({Source::pubsub, "q", "1"}, "{}", "alice"));
}

}  // namespace
}  // namespace pyexec
