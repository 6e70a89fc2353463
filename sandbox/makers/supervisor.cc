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
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/scratch.h"
#include "sandbox/layers/uid_range.h"
#include "sandbox/makers/kept_jail.h"

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

// The scratch directory of one job after the other. Nothing of it is closed before this process
// exits, after the last byte is sent: closing an inotify descriptor takes the kernel 4 to 20 ms (it
// waits until no processor can be looking at the watch).
class Scratch {
 public:
  // path: "" if there is none.
  explicit Scratch(const ScratchPath& path)
      : path_(path),
        events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
        is_watched_(::inotify_add_watch(events_.get(), path.text, IN_CREATE | IN_MOVED_TO) != -1) {
    look(before_);
  }

  const char* path() const { return path_.text; }
  int events() const { return events_.get(); }
  // Whether its events tell nothing: out of watches for its uid.
  bool is_unwatched() const { return path_.text[0] != '\0' && !is_watched_; }

  // Whether a job has left it as it was: nothing was ever made in it, and its rights, owner and
  // times are the same.
  bool is_untouched() const {
    if (path_.text[0] == '\0') return true;
    struct stat now;
    look(now);
    pollfd source = {events_.get(), POLLIN, 0};
    return is_watched_ && ::poll(&source, 1, 0) == 0 &&
           std::memcmp(&now, &before_, sizeof now) == 0;
  }

 private:
  void look(struct stat& state) const {
    std::memset(&state, 0, sizeof state);
    if (::lstat(path_.text, &state) == -1) state = {};
  }

  const ScratchPath path_;
  UniqueFd events_;
  bool is_watched_;
  struct stat before_;
};

// Returns once the lifeline is shut down or closed. Checks the scratch directory from the first
// event in it.
void watch(int lifeline, int worker, const Scratch& scratch, const Limits& limits) {
  pollfd sources[] = {{lifeline, POLLIN, 0}, {scratch.events(), POLLIN, 0}};
  bool used = scratch.is_unwatched();
  for (;;) {
    if (::poll(sources, used ? 1 : 2, used ? kScratchCheckMs : -1) == -1 && errno != EINTR) return;
    if (sources[0].revents != 0) return;
    used |= sources[1].revents != 0;
    if (used && outgrew(scratch.path(), limits)) sys::pidfd_send_signal(worker, SIGKILL);
  }
}

// Kills every process of the job's uid. Only the job has that uid: it was unused before (set_up)
// and is from a range that nobody else has. The job could not make processes, so none should be
// left.
bool sweep(uid_t uid) {
  return sys::run_in_light_child<48 << 10>([&] {
           if (become(uid, Step::supervisor).failed() || forbid_tracing().failed()) return 1;
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

// The supervisor's descriptors, beside that of its directory's events.
constexpr int kLeash = 0, kControl = 1;

void keep_only(int lifeline, int control) {
  const int high = control == -1 ? -1 : ::fcntl(control, F_DUPFD_CLOEXEC, 16);
  if (::dup2(lifeline, kLeash) == -1) ::_exit(1);
  if (high == -1)
    ::close(kControl);
  else if (::dup2(high, kControl) == -1)
    ::_exit(1);
  if (sys::close_range(kControl + 1, ~0u) == -1) ::_exit(1);
}

bool remove_tree_of(const Scratch& scratch) {
  return scratch.path()[0] == '\0' || remove_tree(scratch.path());
}

// Returns true if the worker is gone. It counts until the zygote, its parent, has reaped it.
bool kill_worker(int worker) {
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);  // from here on, nothing else ends the worker
  int failures = 0;
  while (sys::pidfd_send_signal(worker, SIGKILL) == 0 || (errno != ESRCH && ++failures < 10))
    ::nanosleep(&kPause, nullptr);
  return failures < 10;
}

// Returns once no process of the job is left. Otherwise exits, with a status that ends the jailer
// and so the zygote: a host on which a job cannot be cleaned up gets no further job.
void serve_job(const Plan& plan, const Limits& limits, std::uint32_t worker_id,
               const Scratch& scratch) {
  FdMessage message;
  const ReceiveResult received = receive_message(kLeash, message);
  const bool has_worker = received == ReceiveResult::message && message.fd_count == 1;
  if (!has_worker && received != ReceiveResult::closed) ::_exit(1);  // a worker is out of reach
  if (has_worker) {
    watch(kLeash, message.fds[0].get(), scratch, limits);
    stop_worker(message.fds[0].get(), kLeash);
    if (!kill_worker(message.fds[0].get())) ::_exit(1);
  }
  if (plan.users == Users::own_host && !sweep(plan.host_job_uid(worker_id))) ::_exit(1);
  if (!scratch.is_untouched() && !remove_tree_of(scratch)) ::_exit(1);
  sys::send_all(kLeash, &kJailEmpty, 1);
}

bool tell(Verdict verdict) {
  return sys::send_all(kControl, &verdict, sizeof verdict) && verdict == Verdict::untouched;
}

// Returns true if there is another job, and nobody has its uid.
bool await_next(const Plan& plan, std::uint32_t worker_id, const Scratch& scratch) {
  if (die_with_parent(Step::supervisor).failed()) return false;  // kill_worker lifted it
  ::close(kLeash);
  if (!tell(scratch.is_untouched() ? Verdict::untouched : Verdict::files)) return false;
  if (!await_next_job(kControl, kLeash, -1)) return false;
  const bool is_free = plan.users != Users::own_host ||
                       !verify_unused(plan.host_job_uid(worker_id), Step::supervisor).failed();
  return tell(is_free ? Verdict::untouched : Verdict::lost);
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

void run_supervisor(int lifeline, int control, const Plan& plan, const Limits& limits,
                    std::uint32_t worker_id) {
  const SetupError result = set_up(plan, worker_id);
  keep_only(lifeline, control);
  const Scratch scratch(scratch_of(plan, worker_id));
  if (!sys::send_all(kLeash, &result, sizeof result) || result.failed()) {
    remove_tree(scratch.path());
    ::_exit(result.failed() ? 0 : 1);
  }
  do serve_job(plan, limits, worker_id, scratch);
  while (control != -1 && await_next(plan, worker_id, scratch));
  ::_exit(remove_tree_of(scratch) ? 0 : 1);
}

}  // namespace pyexec::sandbox
