#include "server/workers/isolation_advice.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

Probed host(std::uint32_t level, sandbox::Layer missing, std::int32_t error) {
  Probed probed = {};
  probed.level = level;
  probed.layers[static_cast<std::size_t>(missing)] = error;
  return probed;
}

TEST_CASE("the next level has a sentence that says how to get it", "[isolation_advice]") {
  using sandbox::Layer;
  const std::string three = next_level(host(2, Layer::user_namespace, EPERM), 4);
  CHECK_THAT(three, test::contains("For level 3 (namespaced), in Docker add "));
  CHECK_THAT(three, test::contains("pyexec-seccomp.json"));
  CHECK_THAT(three, test::contains("Operation not permitted"));
  CHECK_THAT(next_level(host(3, Layer::memory_cgroup, EROFS), 4),
             test::contains("For level 4 (full), give the service a cgroup"));
  CHECK_THAT(next_level(host(0, Layer::landlock, ENOSYS), 4),
             test::contains("For level 1 (filtered), run on Linux 5.13"));
}

TEST_CASE("a level that the settings rule out says so", "[isolation_advice]") {
  CHECK(
      next_level(host(2, sandbox::Layer::user_namespace, EPERM), 2) ==
      "For level 3 (namespaced), raise PYEXEC_MAX_LEVEL: it is 2, and no stronger jail was tried.");
}

TEST_CASE("what is missing for other levels is not the next one's", "[isolation_advice]") {
  CHECK_THAT(next_level(host(3, sandbox::Layer::user_namespace, EPERM), 4),
             test::contains("stands in jails_tried"));
  CHECK(next_level(host(4, sandbox::Layer::memory_cgroup, EPERM), 4) ==
        "This is the strongest level.");
}

}  // namespace
}  // namespace pyexec
