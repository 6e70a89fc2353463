// Real jails, without Python: what a complete one looks like from inside, and that a step which
// fails, or only seems to succeed, stops the worker and is named.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "sandbox/base/sys.h"
#include "tests/jail/real_jail.h"

using namespace pyexec;
using namespace pyexec::sandbox;

TEST_CASE("a complete jail looks from inside as its table says", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE(describe(jail.error) == describe(ok()));
  const Inside inside = enter(jail, kLimits, real_filter(), [] {
    sys::Capabilities left;
    sys::get_capabilities(&left);
    // Not by stdio: its buffer may hold what the parent has not printed yet.
    ::dprintf(kStdoutFd, "%d %d %d %d %d %d %d", ::getpid(), ::getuid(), ::getgid(),
              ::getgroups(0, nullptr), (left.effective | left.permitted | left.inheritable) == 0,
              ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  });
  CHECK(describe(inside.error) == describe(ok()));
  CHECK(inside.said == "2 1000 1000 0 1 1 0");
}

TEST_CASE("a scratch file system without a bound is noticed though mount succeeds", "[jail]") {
  NEEDS_ROOT();
  Limits limits = kLimits;
  limits.tmp_bytes = 0;  // to tmpfs: no limit
  Jail jail = build(limits);
  CHECK(jail.error.step == Step::scratch);
  CHECK(jail.error.error == 0);
}

TEST_CASE("a filter that allows everything is noticed though it can be installed", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  const Inside inside = enter(jail, kLimits, {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
                              [] { ::dprintf(kStdoutFd, "user code ran"); });
  CHECK(inside.error.step == Step::seccomp);
  CHECK(inside.said.empty());
}

TEST_CASE("a filter that the kernel refuses is fatal", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  const Inside inside = enter(jail, kLimits, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)}, [] {});
  CHECK(inside.error.step == Step::seccomp);
  CHECK(inside.error.error == EINVAL);
}

TEST_CASE("a jail whose init is gone cannot be entered", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  REQUIRE(sys::pidfd_send_signal(jail.init_pidfd.get(), SIGKILL) == 0);
  char word;
  CHECK_FALSE(sys::read_all(jail.lifeline.get(), &word, 1));
  const pid_t pid = ::fork();
  if (pid == 0) {
    const SetupError error =
        enter_jail({kPlan, 7, false, jail.init_pidfd.get(), 1, 2, 1, kLimits, {}});
    ::_exit(error.step == Step::join_namespaces ? 0 : 1);
  }
  int status;
  ::waitpid(pid, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("a limit above the host's own is not lowered in silence", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  Limits limits = kLimits;
  limits.open_files = std::uint64_t{1} << 40;  // beyond fs.nr_open, whatever rights the caller has
  CHECK(enter(jail, limits, real_filter(), [] {}).error.step == Step::limits);
}
