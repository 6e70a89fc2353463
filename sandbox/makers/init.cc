// Runs as pid 1 of a jail.
#include "sandbox/makers/init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/jail_root.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/root_image.h"

namespace pyexec::sandbox {
namespace {

constexpr char kHostname[] = "pyexec";

SetupError mount_scratch(const Plan& plan, const Limits& limits) {
  struct Scratch {
    const char* path;
    std::uint64_t bytes;
    const char* mode;
  };
  const Scratch rows[] = {
      {kTmpDirectory, limits.tmp_bytes, "0700"},
      {kShmDirectory, limits.shm_bytes, "0700"},  // POSIX semaphores and shared memory
  };
  for (std::uint32_t i = 0; i < std::size(rows); ++i) {
    char options[160];
    std::snprintf(options, sizeof options, "uid=%u,gid=%u,mode=%s,size=%llu,nr_inodes=%llu",
                  plan.job_uid(), plan.job_uid(), rows[i].mode,
                  static_cast<unsigned long long>(rows[i].bytes),
                  static_cast<unsigned long long>(limits.tmp_inodes));
    int mounted =
        ::mount("pyexec-scratch", rows[i].path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
    // gVisor has no inode limit, and counts inodes as its own memory.
    const bool counts_inodes = mounted == 0 || plan.builder != Builder::unshare || errno != EINVAL;
    if (!counts_inodes) {
      *std::strstr(options, ",nr_inodes") = '\0';
      mounted = ::mount("pyexec-scratch", rows[i].path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                        options);
    }
    PYEXEC_TRY(check(mounted, Step::scratch, i));
    struct statfs state = {};
    PYEXEC_TRY(check(::statfs(rows[i].path, &state), Step::scratch, i));
    const auto page = static_cast<std::uint64_t>(state.f_bsize);
    const bool bounded = state.f_type == TMPFS_MAGIC &&
                         (!counts_inodes || state.f_files == limits.tmp_inodes) &&
                         state.f_blocks * page <= rows[i].bytes + page && state.f_blocks > 0;
    const bool harmless =
        (state.f_flags & ST_NOSUID) && (state.f_flags & ST_NODEV) && (state.f_flags & ST_NOEXEC);
    if (!bounded || !harmless) return fail(Step::scratch, 0, i);
  }
  return ok();
}

SetupError set_hostname() {
  PYEXEC_TRY(check(::sethostname(kHostname, sizeof kHostname - 1), Step::hostname));
  utsname names = {};
  PYEXEC_TRY(check(::uname(&names), Step::hostname));
  return std::strcmp(names.nodename, kHostname) == 0 ? ok() : fail(Step::hostname, 0);
}

SetupError give_up_rights() {
  PYEXEC_TRY(drop_bounding_set(Step::init_seal));
  PYEXEC_TRY(keep_capabilities(1u << CAP_KILL,
                               Step::init_seal));  // for `kill_job`, in this namespace only
  return forbid_new_privileges(Step::init_seal);
}

SetupError seal() {
  PYEXEC_TRY(give_up_rights());
  // Changing ids made this process undumpable. The worker joins through its pidfd, which the
  // kernel permits by the same rule as tracing. The job cannot use that: tracing a process that
  // has capabilities requires one, and the job has none. Where possible, it also has another uid.
  PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), Step::init_seal, 1));
  // The jail must not outlive the jailer. Set after the ids change, which would clear the
  // setting.
  PYEXEC_TRY(die_with_parent(Step::init_seal));
  // The kernel reaps the job's orphans.
  return check(::signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, Step::init_seal, 3);
}

// An init's only descriptors.
constexpr int kLeash = 0, kJob = 1, kLastPid = 2;

SetupError keep_only(const InitFds& fds) {
  const int high_leash = ::fcntl(fds.lifeline, F_DUPFD_CLOEXEC, 16);
  const int high_job = ::fcntl(fds.job, F_DUPFD_CLOEXEC, 16);
  PYEXEC_TRY(check(::dup2(high_leash, kLeash), Step::init_seal, 4));
  PYEXEC_TRY(check(::dup2(high_job, kJob), Step::init_seal, 6));
  if (::dup2(fds.last_pid, kLastPid) == -1) ::close(kLastPid);
  return check(sys::close_range(kLastPid + 1, ~0u), Step::init_seal, 5);
}

// Returns when the server or the job itself ends the job (lifeline.h), or when neither can be
// observed any more.
void await_end() {
  pollfd sources[] = {{kLeash, POLLIN, 0}, {kJob, POLLRDHUP, 0}};
  for (;;) {
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) return;
    char ignored;
    if (sources[0].revents != 0 && ::read(kLeash, &ignored, 1) <= 0) return;
    // The worker's exit or its script closed the socket, which says nothing about the rest of the
    // job.
    if (sources[1].revents & POLLHUP)
      sources[1].fd = -1;
    else if (sources[1].revents & POLLRDHUP)
      return;
  }
}

SetupError set_up(const Plan& plan, const Limits& limits) {
  PYEXEC_TRY(check(::setsid(), Step::session));
  PYEXEC_TRY(plan.users == Users::two_mapped ? become(plan.init_uid(), Step::init_identity)
                                             : stay(plan.init_uid(), Step::init_identity));
  if (plan.files == Files::own) PYEXEC_TRY(enter_jail_root());
  PYEXEC_TRY(mount_scratch(plan, limits));
  PYEXEC_TRY(set_hostname());
  return seal();
}

int exit_at_once(void*) {
  ::_exit(0);
}

// The processes of a job that has to end.
class JobProcesses {
 public:
  // Stops them.
  void stop() {
    if (worker_ && sys::pidfd_send_signal(worker_.get(), SIGSTOP) == 0 &&
        next_number() == kSecond) {
      is_alone_ = true;
      return;
    }
    ::kill(-1, SIGSTOP);
    is_alone_ = !worker_ && next_number() == kSecond;
  }
  // Whether the job had made no process and no thread when it was stopped: the worker has the first
  // number after the init's.
  bool is_alone() const { return is_alone_; }

  // Returns 0, or -1 with ESRCH if nobody is left that is known. A worker counts until the zygote,
  // its parent, has reaped it.
  int kill() {
    // kill(-1) looks at every process of the host. It also serves where the handle does not.
    if (is_alone_ && worker_ && handle_uses_++ < kMostHandleUses)
      return sys::pidfd_send_signal(worker_.get(), SIGKILL);
    return ::kill(-1, SIGKILL);
  }
  // Waits until the worker has ended, or for so many milliseconds. Returns whether it has.
  bool wait_for_worker(int ms) const {
    pollfd ended = {worker_.get(), POLLIN, 0};
    return !worker_ || ::poll(&ended, 1, ms) != 0;
  }

  // Whether there are others after all. A fork that was under way as the worker was stopped, or one
  // of a worker that was woken again (by a timer of its own), got its number later. Called once the
  // worker is reaped: from then on nobody new gets one. `kill` kills the others then.
  bool has_others() {
    if (!is_alone_ || next_number() == kSecond) return false;
    is_alone_ = false;
    return true;
  }

 private:
  static constexpr int kWorker = 2, kSecond = kWorker + 1;
  static constexpr int kMostHandleUses = 50;  // of up to 5 ms (kill_known)

  // Returns the number that the next process of this pid namespace would have if this object had
  // made none, or -1. Numbers ascend, and once past 300 never become low again.
  int next_number() {
    char text[16] = {};
    if (::pread(kLastPid, text, sizeof text - 1, 0) > 0) return std::atoi(text) + 1;
    // Without the kernel's counter: the number of a process that is made now, and ends at once.
    alignas(64) static char stack[4096];  // nobody waits for the process that runs on it
    const int number = ::clone(exit_at_once, stack + sizeof stack, CLONE_VM | SIGCHLD, nullptr);
    return number == -1 ? -1 : number - made_++;
  }

  const UniqueFd worker_{sys::pidfd_open(kWorker)};
  int made_ = 0, handle_uses_ = 0;
  bool is_alone_ = false;
};

// An exit takes the kernel a millisecond that it does not interrupt. A worker that is alone is
// therefore only stopped at first, so that the server, which is told now, does not have to wait
// for a core until the exit is done.
void stop_job(JobProcesses& job, int lifeline) {
  job.stop();
  if (!job.is_alone()) return;
  sys::send_all(lifeline, &kWorkerStopped, 1);
  const timespec head_start = {0, 300'000};
  ::nanosleep(&head_start, nullptr);
}

// Returns once nobody is left that is known, or false if the kernel does not let them be killed.
bool kill_known(JobProcesses& job) {
  constexpr timespec kPause = {0, 200'000};
  constexpr int kSendAgainMs = 5;
  int failures = 0;
  while (job.kill() == 0 || (errno != ESRCH && ++failures < 10))
    if (job.wait_for_worker(kSendAgainMs)) ::nanosleep(&kPause, nullptr);
  return failures < 10;
}

// Kills every process of the job. If that fails, this process's exit ends the job.
void kill_job(JobProcesses& job, int lifeline) {
  if (!kill_known(job)) return;
  if (job.has_others() && !kill_known(job)) return;
  sys::send_all(lifeline, &kJailEmpty, 1);
}

}  // namespace

SetupError set_up_chained_init(const Plan& plan, const Limits& limits) {
  if (plan.root == Root::image) PYEXEC_TRY(mount_scratch(plan, limits));
  return set_hostname();
}

SetupError seal_chained_init(int lifeline, int exits) {
  for (int fd = 0; fd < 1024; ++fd)
    if (fd != lifeline && fd != exits) ::close(fd);
  PYEXEC_TRY(give_up_rights());
  return forbid_tracing();
}

void run_init(const InitFds& fds, const Plan& plan, const Limits& limits) {
  int lifeline = fds.lifeline;
  char maps_written;
  if (!sys::read_all(lifeline, &maps_written, 1)) ::_exit(1);

  SetupError result = set_up(plan, limits);
  if (!result.failed()) {
    result = keep_only(fds);
    if (!result.failed()) lifeline = kLeash;
  }
  // If the jailer died before PR_SET_PDEATHSIG was set, the send fails because nobody reads.
  if (!sys::send_all(lifeline, &result, sizeof result) || result.failed()) ::_exit(1);

  await_end();
  JobProcesses job;
  stop_job(job, lifeline);
  kill_job(job, lifeline);
  ::_exit(0);  // the namespaces end with it, which takes the kernel longer
}

}  // namespace pyexec::sandbox
