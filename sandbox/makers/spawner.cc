// Runs in the zygote.
#include "sandbox/makers/spawner.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/makers/jailer.h"
#include "sandbox/makers/supervisor.h"
#include "sandbox/makers/unshared_jail.h"

namespace pyexec::sandbox {
SetupError Spawner::start(const Plan& plan, const Limits& limits) {
  plan_ = plan;
  limits_ = limits;
  if (plan.builder != Builder::unshare) {
    own_pid_namespace_.reset(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!own_pid_namespace_) return fail(Step::control, errno);
    return start_jailer(plan, limits, jailer_);
  }
  int pair[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), Step::control));
  jailer_.reset(pair[0]);
  requests_.reset(pair[1]);
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), Step::control));
  exits_.reset(pair[0]);
  exits_write_.reset(pair[1]);
  return ok();
}

bool Spawner::request(std::uint32_t worker_id) {
  const JailRequest request = {worker_id};
  const int socket = plan_.builder == Builder::unshare ? requests_.get() : jailer_.get();
  return send_message(socket, std::as_bytes(std::span(&request, 1)), {});
}

bool Spawner::take(EmptyJail& jail) {
  if (!take_from_maker(jail)) return false;
  if (!jail.error.failed() && !jail.server_job) {
    int job[2];
    jail.error = check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job), Step::fork, 0);
    if (jail.error.failed()) return true;
    jail.server_job.reset(job[0]);
    jail.worker_job.reset(job[1]);
  }
  return true;
}

bool Spawner::take_from_maker(EmptyJail& jail) {
  FdMessage message;
  if (receive_message(jailer_.get(), message) != ReceiveResult::message) return false;
  jail.error = ok();
  if (plan_.builder == Builder::unshare) {
    JailRequest request;
    if (message.size != sizeof request) return false;
    std::memcpy(&request, message.bytes.data(), sizeof request);
    jail.worker_id = jail.made_for = request.worker_id;
    return true;
  }
  JailReply reply;
  if (message.size != sizeof reply) return false;
  std::memcpy(&reply, message.bytes.data(), sizeof reply);
  jail.worker_id = jail.made_for = reply.worker_id;
  jail.error = reply.error;
  jail.times = reply.times;
  if (reply.error.failed()) return true;
  const bool has_init = plan_.builder == Builder::setns;
  const bool is_kept = plan_.reuse != Reuse::never;
  if (message.fd_count != 2u + (has_init ? 2 : 0) + (is_kept ? 1 : 0)) return false;
  jail.init_pidfd = std::move(message.fds[0]);
  jail.lifeline = std::move(message.fds[1]);
  if (has_init) {
    jail.server_job = std::move(message.fds[2]);
    jail.worker_job = std::move(message.fds[3]);
  }
  if (is_kept) jail.control = std::move(message.fds[message.fd_count - 1]);
  return true;
}

SetupError Spawner::fork_into(EmptyJail& jail, pid_t& pid) {
  switch (plan_.builder) {
    case Builder::setns:
      return fork_joined(jail, pid);
    case Builder::supervised:
      return fork_supervised(jail, pid);
    case Builder::unshare:
      return fork_unshared(plan_, limits_, exits_write_.get(), jail, pid);
  }
  return fail(Step::fork, EINVAL);
}

// Joins the pid namespace, forks, and returns to its own: only a child enters a pid namespace.
SetupError Spawner::fork_joined(EmptyJail& jail, pid_t& pid) {
  PYEXEC_TRY(check(sys::join_namespaces(jail.init_pidfd.get(), CLONE_NEWPID), Step::fork, 2));
  constexpr pid_t kFirst = 2;  // after the init
  pid = plan_.reuse == Reuse::never ? ::fork() : sys::fork_numbered(kFirst);
  if (pid == 0) return ok();
  const int fork_error = errno;
  // A zygote that cannot return would fork into another job's jail, so it exits.
  if (sys::join_namespaces(own_pid_namespace_.get(), CLONE_NEWPID) == -1) ::_exit(1);
  return pid == -1 ? fail(Step::fork, fork_error, 3) : ok();
}

SetupError Spawner::fork_supervised(EmptyJail& jail, pid_t& pid) {
  pid = ::fork();
  if (pid == 0) return ok();
  if (pid == -1) return fail(Step::fork, errno, 3);
  const SetupError handed = hand_to_supervisor(jail.lifeline.get(), pid);
  if (handed.failed()) ::kill(pid, SIGKILL);  // no supervisor will
  return handed;
}

bool Spawner::take_exit(WorkerExit& exit) {
  FdMessage message;
  if (receive_message(exits_.get(), message) != ReceiveResult::message ||
      message.size != sizeof exit)
    return false;
  std::memcpy(&exit, message.bytes.data(), sizeof exit);
  return true;
}

}  // namespace pyexec::sandbox
