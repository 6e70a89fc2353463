#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>

#include "sandbox/base/sys.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

int exit_code_of(pid_t pid) {
  int status = 0;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : 100;
}

// Runs `act` in a process whose children are in a pid namespace of their own, with an init.
int beside_an_init(const std::function<int()>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWPID) == -1) ::_exit(101);
    const pid_t init = ::fork();
    if (init == 0)
      for (;;) ::pause();
    const int code = act();
    ::kill(init, SIGKILL);
    ::waitpid(init, nullptr, 0);
    ::_exit(code);
  }
  return exit_code_of(pid);
}

bool is_not_root() {
  if (::geteuid() == 0) return false;
  std::puts("skipped: a pid namespace needs root");
  return true;
}

void note_signal(int) {}

// Whether the C library knows who this process is: it sends the signal to the thread that it takes
// for its own, and keeps its number in a mutex that checks its owner.
bool is_whole() {
  struct sigaction action = {};
  action.sa_handler = note_signal;
  ::sigaction(SIGUSR1, &action, nullptr);
  if (::raise(SIGUSR1) != 0) return false;
  pthread_mutexattr_t kind;
  ::pthread_mutexattr_init(&kind);
  ::pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
  ::pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_t mutex;
  ::pthread_mutex_init(&mutex, &kind);
  return ::pthread_mutex_lock(&mutex) == 0 && ::pthread_mutex_lock(&mutex) == EDEADLK &&
         ::pthread_mutex_unlock(&mutex) == 0 && ::gettid() == ::getpid();
}

}  // namespace

TEST_CASE("a chosen number is used again and again, and moves no count", "[fork_numbered]") {
  if (is_not_root()) return;
  CHECK(beside_an_init([] {
          for (int i = 0; i < 3; ++i) {
            const pid_t pid = sys::fork_numbered(2);
            if (pid == 0) ::_exit(::getpid() == 2 && is_whole() ? 0 : 1);
            if (exit_code_of(pid) != 0) return 2;
          }
          const pid_t next = ::fork();  // the first that the kernel numbers
          if (next == 0) ::_exit(::getpid() == 2 ? 0 : 1);
          return exit_code_of(next);
        }) == 0);
}

TEST_CASE("a number that is taken is not given", "[fork_numbered]") {
  if (is_not_root()) return;
  CHECK(beside_an_init([] {
          const pid_t taken = sys::fork_numbered(1);
          if (taken == 0) ::_exit(0);
          return taken == -1 && errno == EEXIST ? 0 : 1;
        }) == 0);
}

TEST_CASE("a child of it is numbered as after a fork", "[fork_numbered]") {
  if (is_not_root()) return;
  CHECK(beside_an_init([] {
          const pid_t pid = sys::fork_numbered(2);
          if (pid == 0) {
            const pid_t child = ::fork();
            if (child == 0) ::_exit(::getpid() == 3 && ::getppid() == 2 ? 0 : 1);
            ::_exit(exit_code_of(child));
          }
          return exit_code_of(pid);
        }) == 0);
}

}  // namespace pyexec
