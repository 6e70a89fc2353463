// Forks workers into jails, whatever the plan makes them of: the zygote's hold on sandbox/.
//
//   setns       request a jail: jailer, clone3, init; take init's pidfd, its lifeline, the job
//               socket; then join, fork, go back
//   supervised  request a jail: jailer, fork, supervisor; take the supervisor's pidfd and its
//               lifeline; then fork, and tell the supervisor
//   unshare     nothing to request; fork, unshare, fork, fork
#pragma once

#include <deque>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/phases.h"
#include "sandbox/base/step.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// A jail that waits for its worker.
struct EmptyJail {
  std::uint32_t worker_id = 0;
  SetupError error;
  JailTimes times = {};
  UniqueFd init_pidfd;  // of the init or supervisor; unshare: another hold on the lifeline
  UniqueFd lifeline;    // sandbox/base/lifeline.h
  UniqueFd server_job, worker_job;  // the two ends of the job socket
};

struct WorkerExit {
  std::uint32_t worker_id;
  std::int32_t wait_status;  // as of waitpid(2)
  Usage usage;
};

class Spawner {
 public:
  // Before the interpreter is loaded: the jailer is forked here.
  SetupError start(const Plan& plan, const Limits& limits);

  // A jail, please. false if nobody makes any more.
  bool request(std::uint32_t worker_id);
  // Readable when `take` has something.
  int jails() const { return jailer_.get(); }
  bool take(EmptyJail& jail);

  // As fork(2), with the jail's end of things arranged: sets `pid`, to 0 in the worker. If it fails
  // there, the worker is to say so and to exit. The zygote, on failure, drops the jail.
  SetupError fork_into(EmptyJail& jail, pid_t& pid);

  // Readable when `take_exit` has something: workers that are not the caller's children. -1: all
  // are.
  int exits() const { return exits_.get(); }
  bool take_exit(WorkerExit& exit);

 private:
  bool take_from_maker(EmptyJail& jail);
  SetupError fork_joined(EmptyJail& jail, pid_t& pid);
  SetupError fork_kept(EmptyJail& jail, pid_t& pid);

  Plan plan_ = {};
  Limits limits_ = {};
  UniqueFd jailer_, own_pid_namespace_;
  UniqueFd exits_, exits_write_;
  UniqueFd requests_;  // unshare: the other end of jailer_
};

}  // namespace pyexec::sandbox
