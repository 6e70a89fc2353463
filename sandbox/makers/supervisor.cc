// Runs as a job's supervisor, except `hand_to_supervisor`.
#include "sandbox/makers/supervisor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/scratch.h"
#include "sandbox/layers/uid_range.h"

namespace pyexec::sandbox {
namespace {

constexpr timespec kPause = {0, 100'000};

// The capabilities that a supervisor keeps if it runs as root: to kill another uid's process, to
// become that uid to sweep it, and to remove its files.
constexpr std::uint64_t kKeptCapabilities = 1u << CAP_KILL | 1u << CAP_SETUID | 1u << CAP_SETGID |
                                            1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;

SetupError make_scratch(const Plan& plan, std::uint32_t worker_id) {
  const ScratchPath path = scratch_of(plan, worker_id);
  if (path.text[0] == '\0') return ok();
  PYEXEC_TRY(check(::mkdir(path.text, 0700), Step::scratch, 0));
  if (plan.users != Users::own_host) return ok();
  const uid_t owner = plan.host_job_uid(worker_id);
  PYEXEC_TRY(check(::chown(path.text, owner, owner), Step::scratch, 1));
  struct stat state = {};
  PYEXEC_TRY(check(::lstat(path.text, &state), Step::scratch, 2));
  const bool is_the_jobs = state.st_uid == owner && state.st_mode == (S_IFDIR | 0700);
  return is_the_jobs ? ok() : fail(Step::scratch, 0, 3);
}

SetupError set_up(const Plan& plan, std::uint32_t worker_id) {
  PYEXEC_TRY(check(::prctl(PR_SET_NAME, "pyexec-reaper", 0, 0, 0), Step::supervisor));
  PYEXEC_TRY(die_with_parent(Step::supervisor));
  // The jailer reaps its children as they end; the supervisor waits for its own.
  PYEXEC_TRY(check(::signal(SIGCHLD, SIG_DFL) == SIG_ERR ? -1 : 0, Step::supervisor));
  if (plan.users == Users::own_host)
    PYEXEC_TRY(verify_unused(plan.host_job_uid(worker_id), Step::supervisor));
  PYEXEC_TRY(make_scratch(plan, worker_id));
  PYEXEC_TRY(
      keep_capabilities(plan.users == Users::own_host ? kKeptCapabilities : 0, Step::supervisor));
  PYEXEC_TRY(forbid_new_privileges(Step::supervisor));
  return forbid_tracing();
}

// Returns once the lifeline is shut down or closed. Checks the scratch directory from the first
// event in it. This process's exit closes the inotify descriptor, after the last byte is sent:
// the close takes the kernel 4 to 20 ms (it waits until no processor can be looking at the
// watch).
void watch(int lifeline, int worker, const char* scratch, const Limits& limits) {
  const int events = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  const int watched = ::inotify_add_watch(events, scratch, IN_CREATE | IN_MOVED_TO);
  pollfd sources[] = {{lifeline, POLLIN, 0}, {events, POLLIN, 0}};
  bool used = scratch[0] != '\0' && watched == -1;  // out of watches for its uid: from the start
  for (;;) {
    if (::poll(sources, used ? 1 : 2, used ? kScratchCheckMs : -1) == -1 && errno != EINTR) return;
    if (sources[0].revents != 0) return;
    used |= sources[1].revents != 0;
    if (used && outgrew(scratch, limits)) sys::pidfd_send_signal(worker, SIGKILL);
  }
}

// Kills every process of the job's uid. Only the job has that uid: it was unused before (set_up)
// and is from a range that nobody else has. The job could not make processes, so none should be
// left.
bool sweep(uid_t uid) {
  return sys::run_in_light_child<48 << 10>([&] {
           if (become(uid, Step::supervisor).failed()) return 1;
           for (int tries = 0; tries < 10'000; ++tries) {
             if (is_alone_under_its_uid()) return 0;
             ::kill(-1, SIGKILL);  // also returns 0 if it could signal nobody
             ::nanosleep(&kPause, nullptr);
           }
           return 1;
         }) == 0;
}

// Returns the number after `name` in a file of /proc, or -1.
long number_in(const char* path, const char* name) {
  char text[2048];
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return -1;
  text[size] = '\0';
  const char* found = std::strstr(text, name);
  return found != nullptr ? std::strtol(found + std::strlen(name), nullptr, 10) : -1;
}

// The job is one process: where there is a supervisor, the filter lets no job make another.
bool has_one_thread(int worker) {
  char path[48];
  std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", worker);
  const long pid = number_in(path, "\nPid:");
  if (pid <= 0) return false;
  std::snprintf(path, sizeof path, "/proc/%ld/status", pid);
  return number_in(path, "\nThreads:") == 1;
}

// As in init.cc: the server does not have to wait until the kernel has finished the worker's
// exit.
void stop_worker(int worker, int lifeline) {
  if (sys::pidfd_send_signal(worker, SIGSTOP) == -1 || !has_one_thread(worker)) return;
  sys::send_all(lifeline, &kWorkerStopped, 1);
  const timespec head_start = {0, 300'000};
  ::nanosleep(&head_start, nullptr);
}

// Returns true if the worker is gone. It counts until the zygote, its parent, has reaped it.
bool kill_worker(int worker) {
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);  // from here on, nothing else ends the worker
  int failures = 0;
  while (sys::pidfd_send_signal(worker, SIGKILL) == 0 || (errno != ESRCH && ++failures < 10))
    ::nanosleep(&kPause, nullptr);
  return failures < 10;
}

}  // namespace

ScratchPath scratch_of(const Plan& plan, std::uint32_t worker_id) {
  ScratchPath path = {};
  if (plan.scratch[0] != '\0')
    std::snprintf(path.text, sizeof path.text, "%s/%u", plan.scratch.data(), worker_id);
  return path;
}

SetupError hand_to_supervisor(int lifeline, pid_t worker) {
  const UniqueFd pidfd(sys::pidfd_open(worker));
  if (!pidfd) return fail(Step::supervisor, errno, 1);
  const std::byte nothing{};
  const int fds[] = {pidfd.get()};
  return send_message(lifeline, {&nothing, 1}, fds) ? ok() : fail(Step::supervisor, errno, 2);
}

void run_supervisor(int lifeline, const Plan& plan, const Limits& limits, std::uint32_t worker_id) {
  const SetupError result = set_up(plan, worker_id);
  if (::dup2(lifeline, 0) == -1 || sys::close_range(1, ~0u) == -1) ::_exit(1);
  lifeline = 0;
  const ScratchPath scratch = scratch_of(plan, worker_id);
  if (!sys::send_all(lifeline, &result, sizeof result) || result.failed()) {
    remove_tree(scratch.text);
    ::_exit(result.failed() ? 0 : 1);
  }

  FdMessage message;
  const ReceiveResult received = receive_message(lifeline, message);
  const bool has_worker = received == ReceiveResult::message && message.fd_count == 1;
  if (!has_worker && received != ReceiveResult::closed) ::_exit(1);  // a worker is out of reach
  if (has_worker) {
    watch(lifeline, message.fds[0].get(), scratch.text, limits);
    stop_worker(message.fds[0].get(), lifeline);
    if (!kill_worker(message.fds[0].get())) ::_exit(1);
  }
  const bool swept = plan.users != Users::own_host || sweep(plan.host_job_uid(worker_id));
  const bool removed = scratch.text[0] == '\0' || remove_tree(scratch.text);
  // Exits without sending kJailEmpty, and with a status that ends the jailer and so the zygote: a
  // host on which a job cannot be cleaned up gets no further job.
  if (!swept || !removed) ::_exit(1);
  sys::send_all(lifeline, &kJailEmpty, 1);
  ::_exit(0);
}

}  // namespace pyexec::sandbox
