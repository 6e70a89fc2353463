// A real jail, without Python, and a process that enters it: for tests that run as root.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/jail.h"
#include "sandbox/makers/jailer.h"
#include "sandbox/plan/plan.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"
#include "tests/jail/limits.h"
#include "tests/support/catch.h"

namespace pyexec::sandbox {

// As host root: what the rest of this file is about.
inline Plan root_plan() {
  Plan plan = candidates().front().plan;
  plan.first_uid = 0x7fff0000;  // far from what services claim
  plan.uid_count = 64;
  return plan;
}
inline const Plan kPlan = root_plan();

#define NEEDS_ROOT()                                                   \
  if (::geteuid() != 0) {                                              \
    std::puts("skipped: making a jail with several users needs root"); \
    return;                                                            \
  }

struct Jail {
  UniqueFd jailer, init_pidfd, lifeline, server_job, worker_job;
  SetupError error;
};

inline Jail build(const Limits& limits) {
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
inline std::pair<Inside, pid_t> start(Jail& jail, const Limits& limits,
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
    const SetupError error = enter_jail({kPlan, 7, false, jail.init_pidfd.get(), write_end.get(),
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
inline Inside enter(Jail& jail, const Limits& limits, const std::vector<sock_filter>& filter,
                    const std::function<void()>& probe) {
  const auto [inside, pid] = start(jail, limits, filter, probe);
  ::waitpid(pid, nullptr, 0);
  return inside;
}

inline std::vector<sock_filter> real_filter() {
  return compile(python_policy());
}

}  // namespace pyexec::sandbox
