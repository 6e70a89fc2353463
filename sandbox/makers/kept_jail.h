// A jail that gets another job after one that left it untouched.
//
// Between jobs, its init and the process that forks its workers talk on a socket pair of their own
// (SOCK_SEQPACKET), the control of the jail:
//
//   init ── Verdict ──▶ forker     after each job
//        ◀─ NextJob + [lifeline, server's end of the job socket] ──
//
// The jail lives until either side closes its end, or the jailer dies.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/verdict.h"
#include "sandbox/makers/spawner.h"

namespace pyexec::sandbox {

// The forker's side.
class KeptJail {
 public:
  // Takes from a new jail what a later job needs. Does nothing if the plan keeps none.
  void begin(EmptyJail& jail);
  // Makes of it a jail for the next job.
  SetupError renew(std::uint32_t worker_id, EmptyJail& out);
  // Ends it, unless it has ended.
  void drop() { control_.reset(), init_pidfd_.reset(); }

  // Readable when `hear` has something. -1: there is no jail.
  int control() const { return control_.get(); }
  // The verdict on the last job; anything but `untouched` has dropped the jail. Not blocking only
  // when readable.
  Verdict hear();
  // The worker that the jail was made for: its host uid stays that worker's.
  std::uint32_t made_for() const { return made_for_; }

 private:
  UniqueFd init_pidfd_, control_;
  std::uint32_t made_for_ = 0, jobs_ = 0;
  std::uint64_t since_ns_ = 0;
};

// The init's side. `control` is its own descriptor. Places the next job's lifeline and job socket
// there, whose numbers must be free. Returns false if there is no next job.
bool await_next_job(int control, int lifeline, int job);

}  // namespace pyexec::sandbox
