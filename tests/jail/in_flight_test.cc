#include "sandbox/layers/in_flight.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "sandbox/base/fd_message.h"
#include "sandbox/layers/privileges.h"
#include "tests/support/catch.h"

namespace pyexec::sandbox {
namespace {

constexpr uid_t kNobodyElses = 0x6fff'0000;

bool is_not_root() {
  if (::geteuid() == 0) return false;
  std::puts("skipped: becoming another user needs root");
  return true;
}

// Runs `act` under a uid of its own; returns its exit code.
template <typename Act>
int as_other_user(Act act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (become(kNobodyElses, Step::identity).failed()) ::_exit(100);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

// Sends a socket pair over itself and lets go of it: only the kernel's collector ends it.
bool leave_in_flight() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1) return false;
  const std::byte nothing{};
  const bool sent = send_message(pair[0], {&nothing, 1}, std::array{pair[0], pair[1]});
  ::close(pair[0]);
  ::close(pair[1]);
  return sent;
}

}  // namespace

TEST_CASE("a descriptor that is on its way is noticed, and waited for", "[in_flight]") {
  if (is_not_root()) return;
  CHECK(as_other_user([] { return settle_in_flight().failed() ? 1 : 0; }) == 0);
  CHECK(as_other_user([] {
          int pair[2];
          if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1) return 2;
          const std::byte nothing{};
          if (!send_message(pair[0], {&nothing, 1}, std::array{0})) return 3;
          const SetupError held = settle_in_flight();
          if (held.step != Step::verify || held.error != ETOOMANYREFS) return 4;
          FdMessage message;
          if (receive_message(pair[1], message) != ReceiveResult::message) return 5;
          return settle_in_flight().failed() ? 6 : 0;
        }) == 0);
  CHECK(as_other_user([] { return leave_in_flight() && !settle_in_flight().failed() ? 0 : 1; }) ==
        0);
}

TEST_CASE("the limit of open files is afterwards what it was", "[in_flight]") {
  if (is_not_root()) return;
  CHECK(as_other_user([] {
          rlimit before = {}, after = {};
          ::getrlimit(RLIMIT_NOFILE, &before);
          if (settle_in_flight().failed()) return 1;
          ::getrlimit(RLIMIT_NOFILE, &after);
          return before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max ? 0 : 2;
        }) == 0);
}

}  // namespace pyexec::sandbox
