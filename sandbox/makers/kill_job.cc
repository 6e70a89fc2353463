// Runs as pid 1 of a jail.
#include "sandbox/makers/kill_job.h"

#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/makers/pid_numbers.h"

namespace pyexec::sandbox {
namespace {

// The processes of a job that has to end.
class JobProcesses {
 public:
  JobProcesses(int last_pid, Numbering numbering) : last_pid_(last_pid), numbering_(numbering) {}

  // Stops them.
  void stop() {
    if (worker_ && sys::pidfd_send_signal(worker_.get(), SIGSTOP) == 0 && is_counter_unmoved()) {
      is_alone_ = true;
      return;
    }
    ::kill(-1, SIGSTOP);
    is_alone_ = !worker_ && is_counter_unmoved();
  }
  // Whether the job had made no process and no thread when it was stopped.
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
    if (!is_alone_ || is_counter_unmoved()) return false;
    is_alone_ = false;
    return true;
  }

 private:
  static constexpr int kInit = 1, kWorker = 2;
  static constexpr int kMostHandleUses = 50;  // of up to 5 ms (kill_known)

  // Whether nobody but the worker got a number in this pid namespace. Numbers ascend, and once past
  // 300 never become low again.
  bool is_counter_unmoved() {
    if (const pid_t last = last_number(last_pid_); last > 0)
      return last == (numbering_ == Numbering::chosen ? kInit : kWorker);
    if (numbering_ == Numbering::chosen) return false;
    const pid_t number = next_number();
    return number != -1 && number - made_++ == kWorker + 1;
  }

  const int last_pid_;
  const Numbering numbering_;
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

}  // namespace

KilledJob kill_job(int lifeline, int last_pid, Numbering numbering) {
  JobProcesses job(last_pid, numbering);
  stop_job(job, lifeline);
  bool is_gone = kill_known(job);
  if (is_gone && job.has_others()) is_gone = kill_known(job);
  if (is_gone) sys::send_all(lifeline, &kJailEmpty, 1);
  return {is_gone, job.is_alone()};
}

}  // namespace pyexec::sandbox
