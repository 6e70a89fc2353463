// Runs in the jailed worker.
#include "sandbox/layers/in_flight.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {

namespace {

// The kernel sends no descriptor while more than RLIMIT_NOFILE of the same user are on their way:
// with a limit of 0, only the first. ETOOMANYREFS if there are others.
SetupError send_the_only_one() {
  int pair[2];
  PYEXEC_TRY(
      check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), Step::verify, 40));
  const UniqueFd one(pair[0]), other(pair[1]);
  rlimit usual = {};
  PYEXEC_TRY(check(::getrlimit(RLIMIT_NOFILE, &usual), Step::verify, 41));
  const rlimit none = {0, usual.rlim_max};
  PYEXEC_TRY(check(::setrlimit(RLIMIT_NOFILE, &none), Step::verify, 42));
  const std::array<int, 1> some = {STDIN_FILENO};
  const std::byte nothing{};
  const bool is_sent = send_message(one.get(), std::span(&nothing, 1), some);
  const SetupError result = is_sent ? ok() : fail(Step::verify, errno, 43);
  PYEXEC_TRY(check(::setrlimit(RLIMIT_NOFILE, &usual), Step::verify, 44));
  return result;
}

}  // namespace

// The kernel looks for sockets that nobody can reach whenever one is closed, but not while it is
// looking already. So closing those of one look makes it look again.
SetupError settle_in_flight() {
  constexpr timespec kPause = {0, 500'000};
  constexpr int kMostPauses = 1'000;
  SetupError result = send_the_only_one();
  for (int pauses = 0; result.error == ETOOMANYREFS && pauses < kMostPauses; ++pauses) {
    ::nanosleep(&kPause, nullptr);
    result = send_the_only_one();
  }
  return result;
}

}  // namespace pyexec::sandbox
