// Real jails, without Python: what a complete one looks like from inside, and that a step which
// fails, or only seems to succeed, stops the worker and is named.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/jail.h"
#include "sandbox/makers/jailer.h"
#include "sandbox/plan/plan.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"
#include "tests/jail/limits.h"
#include "tests/support/catch.h"

using namespace pyexec;
using namespace pyexec::sandbox;

namespace {

// As host root: what the rest of this file is about.
Plan root_plan() {
  Plan plan = candidates().front().plan;
  plan.first_uid = 0x7fff0000;  // far from what services claim
  plan.uid_count = 64;
  return plan;
}
const Plan kPlan = root_plan();

#define NEEDS_ROOT()                                                   \
  if (::geteuid() != 0) {                                              \
    std::puts("skipped: making a jail with several users needs root"); \
    return;                                                            \
  }

struct Jail {
  UniqueFd jailer, init_pidfd, lifeline, server_job, worker_job;
  SetupError error;
};

Jail build(const Limits& limits) {
  Jail jail;
  jail.error = start_jailer(kPlan, limits, jail.jailer);
  if (jail.error.failed()) return jail;
  const JailRequest request = {7};
  REQUIRE(send_message(jail.jailer.get(), std::as_bytes(std::span(&request, 1)), {}));
  FdMessage message;
  REQUIRE(receive_message(jail.jailer.get(), message) == ReceiveResult::message);
  JailReply reply;
  REQUIRE(message.size == sizeof reply);
  std::memcpy(&reply, message.bytes.data(), sizeof reply);
  jail.error = reply.error;
  if (!reply.error.failed()) {
    jail.init_pidfd = std::move(message.fds[0]);
    jail.lifeline = std::move(message.fds[1]);
    jail.server_job = std::move(message.fds[2]);
    jail.worker_job = std::move(message.fds[3]);
  }
  return jail;
}

struct Inside {
  SetupError error;
  std::string said;  // what the probe wrote to stdout
};

// Forks into the jail's pid namespace, enters, and runs `probe` there if that worked. Returns once
// nobody holds its stdout any more, with the worker's pid on the host.
std::pair<Inside, pid_t> start(Jail& jail, const Limits& limits,
                               const std::vector<sock_filter>& filter,
                               const std::function<void()>& probe) {
  int out[2];
  REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  UniqueFd read_end(out[0]), write_end(out[1]);
  UniqueFd &outer = jail.server_job, &inner = jail.worker_job;
  UniqueFd home(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  REQUIRE(sys::join_namespaces(jail.init_pidfd.get(), CLONE_NEWPID) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const SetupError error = enter_jail({kPlan, 7, jail.init_pidfd.get(), write_end.get(),
                                         STDERR_FILENO, inner.get(), limits, filter});
    const int socket = error.failed() && error.step <= Step::descriptors ? inner.get() : kJobFd;
    sys::send_all(socket, &error, sizeof error);
    if (!error.failed()) probe();
    ::_exit(0);
  }
  REQUIRE(sys::join_namespaces(home.get(), CLONE_NEWPID) == 0);
  write_end.reset();
  inner.reset();
  Inside inside;
  REQUIRE(sys::read_all(outer.get(), &inside.error, sizeof inside.error));
  char buffer[4096];
  for (ssize_t got; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;)
    inside.said.append(buffer, static_cast<std::size_t>(got));
  return {inside, pid};
}

// The same, and waits for the worker's end.
Inside enter(Jail& jail, const Limits& limits, const std::vector<sock_filter>& filter,
             const std::function<void()>& probe) {
  const auto [inside, pid] = start(jail, limits, filter, probe);
  ::waitpid(pid, nullptr, 0);
  return inside;
}

std::vector<sock_filter> real_filter() {
  return compile(python_policy());
}

}  // namespace

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
    const SetupError error = enter_jail({kPlan, 7, jail.init_pidfd.get(), 1, 2, 1, kLimits, {}});
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
