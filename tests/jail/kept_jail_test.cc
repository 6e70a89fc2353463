#include "sandbox/makers/kept_jail.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "sandbox/base/sys.h"
#include "tests/support/catch.h"

namespace pyexec::sandbox {
namespace {

constexpr Plan kPlan = {.level = 2,
                        .builder = Builder::supervised,
                        .users = Users::own_host,
                        .root = Root::landlock,
                        .outer_userns = OuterUserns::none,
                        .reuse = Reuse::if_untouched,
                        .uid_count = 102};

// A jail whose init is the test.
struct Kept {
  Kept() {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    init.reset(pair[0]);
    EmptyJail empty;
    empty.worker_id = 7;
    empty.init_pidfd.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    empty.control.reset(pair[1]);
    jail.begin(empty, kPlan);
  }
  Verdict hear(Verdict said) {
    REQUIRE(sys::send_all(init.get(), &said, sizeof said));
    return jail.hear();
  }

  UniqueFd init;
  KeptJail jail;
};

}  // namespace

TEST_CASE("a jail is not used for ever", "[kept_jail]") {
  Kept kept;
  for (int i = 0; i < 999; ++i) REQUIRE(kept.hear(Verdict::untouched) == Verdict::untouched);
  CHECK(kept.jail.suits(8, kPlan));
  CHECK(kept.hear(Verdict::untouched) == Verdict::age);
  CHECK(kept.jail.control() == -1);
  CHECK(kept.jail.ms_left() == -1);
}

TEST_CASE("a jail that is not untouched is dropped, and so is one whose init ends", "[kept_jail]") {
  Kept touched, ended;
  CHECK(touched.hear(Verdict::files) == Verdict::files);
  CHECK(touched.jail.control() == -1);
  ended.init.reset();
  CHECK(ended.jail.hear() == Verdict::lost);
  CHECK(ended.jail.control() == -1);
}

TEST_CASE("a jail is for workers whose ids are near", "[kept_jail]") {
  const Kept kept;
  CHECK(kept.jail.suits(7 + 49, kPlan));
  CHECK_FALSE(kept.jail.suits(7 + 50, kPlan));
  CHECK_FALSE(kept.jail.suits(6, kPlan));
  CHECK(kept.jail.ms_left() > 0);
}

}  // namespace pyexec::sandbox
