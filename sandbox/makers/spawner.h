// Forks workers into jails of any plan: the zygote's interface to sandbox/.
//
//   setns       request a jail: jailer, clone3, init; take init's pidfd, its lifeline, the job
//               socket; then join, fork, go back
//   supervised  request a jail: jailer, fork, supervisor; take the supervisor's pidfd and its
//               lifeline; then fork, and tell the supervisor
//   unshare     nothing to request; fork, unshare, fork, fork
#pragma once

#include <deque>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/step.h"
#include "sandbox/base/times.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// A jail that waits for its worker.
struct EmptyJail {
  std::uint32_t worker_id = 0;
  SetupError error;
  JailTimes times = {};
  UniqueFd init_pidfd;  // of the init or supervisor; unshare: a duplicate of the lifeline
  UniqueFd lifeline;    // sandbox/base/lifeline.h
  UniqueFd server_job, worker_job;  // the two ends of the job socket
  UniqueFd control;                 // of a jail that may be kept (kept_jail.h)
  std::uint32_t made_for = 0;       // the jail's first worker: its host uid is that worker's
};

struct WorkerExit {
  std::uint32_t worker_id;
  std::int32_t wait_status;  // as of waitpid(2)
  Usage usage;
};

class Spawner {
 public:
  // Forks the jailer, so call it before the interpreter is loaded.
  SetupError start(const Plan& plan, const Limits& limits);

  // Requests a jail. Returns false if no more are made.
  bool request(std::uint32_t worker_id);
  // Readable when `take` has something.
  int jails() const { return jailer_.get(); }
  bool take(EmptyJail& jail);

  // Like fork(2), but into the jail: sets `pid`, to 0 in the worker. On failure in the worker, the
  // worker must report it and exit. On failure in the zygote, the zygote must drop the jail.
  SetupError fork_into(EmptyJail& jail, pid_t& pid);

  // Readable when `take_exit` has something: exits of workers that are not the caller's children.
  // -1 if all are its children.
  int exits() const { return exits_.get(); }
  bool take_exit(WorkerExit& exit);

 private:
  bool take_from_maker(EmptyJail& jail);
  SetupError fork_joined(EmptyJail& jail, pid_t& pid);
  SetupError fork_supervised(EmptyJail& jail, pid_t& pid);

  Plan plan_ = {};
  Limits limits_ = {};
  UniqueFd jailer_, own_pid_namespace_;
  UniqueFd exits_, exits_write_;
  UniqueFd requests_;  // unshare: the other end of jailer_
};

}  // namespace pyexec::sandbox
