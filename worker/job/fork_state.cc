// Runs in the worker of a session.
#include "worker/job/fork_state.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/base/sys.h"
#include "sandbox/jail.h"
#include "sandbox/policy/python_policy.h"

namespace pyexec {
namespace {

// As fork(2), but the new process is the init's child, which alone is believed when it tells how
// the process has ended. The process between shares this one's memory, so that it is copied once.
__attribute__((noinline)) pid_t fork_for_init() {
  const pid_t between = ::vfork();
  if (between == 0) {
    const pid_t made = ::fork();
    if (made == 0) return 0;  // with a copy of this stack, so it may return
    ::_exit(made == -1 ? errno : 0);
  }
  int status = 0;
  if (between == -1) return -1;
  if (sys::retry([&] { return ::waitpid(between, &status, 0); }) == -1) return -1;
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  return errno == 0 ? 1 : -1;
}

bool take_descriptors(const ForkFds& fds) {
  return ::dup3(fds[0].get(), sandbox::kJobFd, O_CLOEXEC) != -1 &&
         ::dup2(fds[1].get(), sandbox::kStdoutFd) != -1 &&
         ::dup2(fds[2].get(), sandbox::kStderrFd) != -1;
}

bool announce() {
  const std::string frame = encode_forked(static_cast<std::uint64_t>(::getpid()));
  return sys::send_all(sandbox::kJobFd, frame.data(), frame.size());
}

struct sigaction handling = {};  // of SIGCHLD, before `park`
bool is_parked = false;

}  // namespace

void park() {
  if (is_parked) return;
  is_parked = true;
  struct sigaction ignored = {};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignored, &handling);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void unpark() {
  if (is_parked) ::sigaction(SIGCHLD, &handling, nullptr);
  is_parked = false;
}

void refuse_fork(const sandbox::SetupError& error, const ForkFds& fds) {
  const std::string frame = encode_setup_failed(error);
  sys::send_all(fds[0].get(), frame.data(), frame.size());
}

void fork_state(const Interpreter& interpreter, ForkFor what, ForkFds fds) {
  const bool keeps_random = what == ForkFor::cell;
  unpark();
  interpreter.before_fork(keeps_random);
  const pid_t made = fork_for_init();
  const int error = errno;
  if (made != 0) {
    interpreter.after_fork_in_parent();
    park();
    if (made == 1) return;
    return refuse_fork(sandbox::fail(sandbox::Step::fork, error, 8), fds);
  }
  const bool leads = sys::begin_process_group(sandbox::kNewGroupWord) == 0 &&
                     ::getpgrp() == ::getpid();  // or it could not be ended alone
  if (!leads || !take_descriptors(fds)) ::_exit(1);
  fds = {};
  // Before any hook of the script's runs: from here on the server can name this process.
  if (!announce()) ::_exit(0);
  interpreter.after_fork_in_child(keeps_random);
}

}  // namespace pyexec
