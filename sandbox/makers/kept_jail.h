// A jail that gets another job after one that left it untouched.
//
// Between jobs, its init and the process that forks its workers talk on a socket pair of their own
// (SOCK_SEQPACKET), the control of the jail:
//
//   init ── Verdict ──▶ forker     after each job
//        ◀─ NextJob + [lifeline, server's end of the job socket] ──
//
// Without namespaces, a supervisor takes the place of the init, and answers with a second Verdict
// before the worker is forked: whether the job's uid is still nobody else's.
//
// The jail lives until either side closes its end, or the jailer dies.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/verdict.h"
#include "sandbox/makers/spawner.h"

namespace pyexec::sandbox {

// Whether this worker can have the jail that was made for another. It gets the host uid of that
// one, and ids that are far apart may share one (Plan::host_job_uid).
inline bool suits(std::uint32_t made_for, std::uint32_t worker_id, const Plan& plan) {
  return worker_id - made_for < plan.job_uids() / 2;
}

// The forker's side.
class KeptJail {
 public:
  // Takes from a new jail what a later job needs. Does nothing if the plan keeps none.
  void begin(EmptyJail& jail, const Plan& plan);
  // Makes of it a jail for the next job. A failure costs the jail, not the job: EUSERS, say, if
  // somebody else has taken the uid meanwhile.
  SetupError renew(std::uint32_t worker_id, EmptyJail& out);
  // Ends it, unless it has ended.
  void drop() { control_.reset(), init_pidfd_.reset(); }

  // Readable when `hear` has something. -1: there is no jail.
  int control() const { return control_.get(); }
  // The verdict on the last job; anything but `untouched` has dropped the jail. Not blocking only
  // when readable.
  Verdict hear();
  // The caller must wait for `ClosedFiles` before it renews the jail.
  bool has_own_files() const { return has_own_files_; }
  // Whether it is too old to be used again. How long until then, in ms, for poll(2); -1: there is
  // no jail.
  bool is_old() const { return ms_left() == 0; }
  int ms_left() const;
  bool suits(std::uint32_t worker_id, const Plan& plan) const {
    return sandbox::suits(made_for_, worker_id, plan) && !is_old();
  }

 private:
  Verdict receive_verdict();

  bool has_namespaces_ = false, has_own_files_ = false;
  uid_t host_uid_ = 0;
  UniqueFd init_pidfd_, control_;
  std::uint32_t made_for_ = 0, jobs_ = 0;
  std::uint64_t since_ns_ = 0;
};

// The init's side. `control` is its own descriptor. Places the next job's lifeline and job socket
// there, whose numbers must be the lowest free ones. job: -1 if it is not wanted. Returns false if
// there is no next job.
bool await_next_job(int control, int lifeline, int job);

}  // namespace pyexec::sandbox
