#include "sandbox/layers/in_flight.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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

// Runs `act` in a process of its own, under that uid; returns its exit code.
template <typename Act>
int in_child(uid_t uid, Act act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (uid != 0 && become(uid, Step::identity).failed()) ::_exit(100);
    if (forbid_tracing().failed()) ::_exit(101);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 102;
}

int look() {
  return in_child(0, [] { return verify_none_in_flight(kNobodyElses).error; });
}

// Sends `fd` and a socket pair over that pair and lets go of it: only the kernel's collector ends
// it.
bool leave_in_flight(int fd) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1) return false;
  const std::byte nothing{};
  const bool sent = send_message(pair[0], {&nothing, 1}, std::array{fd, pair[0], pair[1]});
  ::close(pair[0]);
  ::close(pair[1]);
  return sent;
}

}  // namespace

TEST_CASE("a descriptor that is on its way is noticed", "[in_flight]") {
  if (is_not_root()) return;
  CHECK(look() == 0);
  int words[2];
  REQUIRE(::pipe(words) == 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    int pair[2];
    const std::byte nothing{};
    const bool holds = !become(kNobodyElses, Step::identity).failed() &&
                       ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 &&
                       send_message(pair[0], {&nothing, 1}, std::array{0});
    if (!holds || ::write(words[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(words[1]);
  char word;
  CHECK(::read(words[0], &word, 1) == 1);
  ::close(words[0]);
  CHECK(look() == ETOOMANYREFS);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  CHECK(look() == 0);
}

TEST_CASE("what fell out of its way is closed two rounds later", "[in_flight]") {
  if (is_not_root()) return;
  ClosedFiles closed;
  for (int i = 0; i < 30; ++i) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(in_child(kNobodyElses, [&] { return leave_in_flight(ends[1]) ? 0 : 1; }) == 0);
    ::close(ends[1]);
    while (look() == ETOOMANYREFS) {
    }
    const std::uint64_t clean_at = closed.await();
    while (!closed.have_reached(clean_at)) {
      pollfd source = {closed.source(), POLLIN, 0};
      ::poll(&source, 1, closed.ms_left());
      closed.hear();
      REQUIRE_FALSE(closed.is_stuck());
    }
    pollfd end = {ends[0], POLLIN, 0};
    CHECK(::poll(&end, 1, 0) == 1);
    ::close(ends[0]);
  }
  CHECK(closed.ms_left() == -1);
}

}  // namespace pyexec::sandbox
