// How real jails end, and what their inits say of it.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "tests/jail/real_jail.h"

using namespace pyexec;
using namespace pyexec::sandbox;

TEST_CASE("a lifeline that is let go is answered: empty, and the init is gone", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  ::shutdown(jail.lifeline.get(), SHUT_WR);
  char word;
  REQUIRE(sys::read_all(jail.lifeline.get(), &word, 1));
  CHECK(word == kJailEmpty);  // no worker: the first number the init got was not 3
  CHECK_FALSE(sys::read_all(jail.lifeline.get(), &word, 1));
}

// Lets the lifeline go while a worker that ran `probe` is still there, and reaps it. The init's
// words.
std::string words_after(const std::function<void()>& probe) {
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  enter(jail, kLimits, real_filter(), [&] { probe(); });
  ::shutdown(jail.lifeline.get(), SHUT_WR);
  std::string words;
  for (char word; sys::read_all(jail.lifeline.get(), &word, 1);) words += word;
  return words;
}

TEST_CASE("only a worker that was alone is announced as killed before the jail is empty",
          "[jail]") {
  NEEDS_ROOT();
  CHECK(words_after([] {}) == "KE");
  CHECK(words_after([] {
          if (::fork() != 0) return;
          ::close(kStdoutFd);  // `enter` reads until nobody holds it
          ::pause();
        }) == "E");
  CHECK(words_after([] {
          if (::fork() == 0) ::_exit(0);
          ::wait(nullptr);
        }) == "E");
}

// Keeps itself from being stopped, with a timer that continues it, and makes a process when the
// server has sent a byte and `after` has passed since.
[[noreturn]] void fork_late(std::chrono::microseconds after) {
  ::signal(SIGCONT, [](int) {});
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGCONT;
  timer_t timer;
  const itimerspec often = {{0, 20'000}, {0, 20'000}};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 ||
      ::timer_settime(timer, 0, &often, nullptr) == -1)
    ::_exit(1);
  ::close(kStdoutFd);  // `start` reads until nobody holds it
  char byte;
  while (::recv(kJobFd, &byte, 1, MSG_DONTWAIT) != 1) {
  }
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < after) {
  }
  ::fork();
  for (;;) ::pause();
}

TEST_CASE(
    "a process that is made while the worker is being stopped does not outlive the jail's end",
    "[jail]") {
  NEEDS_ROOT();
  for (int i = 0; i < 60; ++i) {
    Jail jail = build(kLimits);
    REQUIRE_FALSE(jail.error.failed());
    const auto [inside, pid] =
        start(jail, kLimits, real_filter(), [i] { fork_late(std::chrono::microseconds(10 * i)); });
    REQUIRE(describe(inside.error) == describe(ok()));
    REQUIRE(sys::send_all(jail.server_job.get(), "x", 1));
    ::shutdown(jail.lifeline.get(), SHUT_WR);
    REQUIRE(::waitpid(pid, nullptr, 0) == pid);
    char word = 0;
    while (word != kJailEmpty) REQUIRE(sys::read_all(jail.lifeline.get(), &word, 1));
    // The job socket's other end is the job's own, and closed with the last process that has it.
    pollfd job = {jail.server_job.get(), POLLIN, 0};
    CHECK(::poll(&job, 1, 0) == 1);
    CHECK((job.revents & POLLHUP) != 0);
  }
}

TEST_CASE("a worker that shuts its job socket down ends its job though the lifeline is held",
          "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  // `enter` returns when the worker is dead, which would wait for ever.
  const Inside inside = enter(jail, kLimits, real_filter(), [] {
    if (::shutdown(kJobFd, SHUT_WR) == 0)
      for (;;) ::pause();
  });
  REQUIRE_FALSE(inside.error.failed());
  std::string words;
  for (char word; sys::read_all(jail.lifeline.get(), &word, 1);) words += word;
  CHECK(words == std::string{kWorkerStopped, kJailEmpty});
}

TEST_CASE("a worker that closes its job socket ends nothing", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  const Inside inside = enter(jail, kLimits, real_filter(), [] {
    ::close(kJobFd);
    ::usleep(50'000);
    ::dprintf(kStdoutFd, "alive");
  });
  CHECK(inside.said == "alive");
  pollfd lifeline = {jail.lifeline.get(), POLLIN, 0};
  CHECK(::poll(&lifeline, 1, 0) == 0);
  ::shutdown(jail.lifeline.get(), SHUT_WR);
  char word;
  REQUIRE(sys::read_all(jail.lifeline.get(), &word, 1));
  CHECK(word == kWorkerStopped);
}

TEST_CASE("a jailer that dies takes its jails along", "[jail]") {
  NEEDS_ROOT();
  Jail jail = build(kLimits);
  REQUIRE_FALSE(jail.error.failed());
  jail.jailer.reset();
  char word;
  CHECK_FALSE(sys::read_all(jail.lifeline.get(), &word, 1));  // the init had no time for a word
}
