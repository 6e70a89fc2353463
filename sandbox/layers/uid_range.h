// A range of uids that no other service on this host has.
//
// Uids are the host's: services in different containers, which share no file and see none of each
// other's processes, may still use the same ones, and where the end of a job means that nobody has
// its uid any more, one service's sweep would be the end of the other's jobs. What all of them
// share is the kernel's count of the processes of each uid. So a range belongs to whoever has the
// only process under its first uid: a holder, a process that does nothing else.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

class UidRange {
 public:
  // Runs in the launcher, single-threaded, with the right to change its uid; without that right,
  // does nothing: then no plan with uids of its own works. EUSERS: every range that was looked at
  // has a holder.
  SetupError claim();
  // The first range of this user namespace where none has been claimed.
  void give_to(Plan& plan) const;

  // A child of the launcher; -1: none. The range is nobody's once it has ended.
  pid_t holder() const { return holder_; }
  // Ends the holder, which is the caller's to wait for.
  void release();

 private:
  SetupError hold(uid_t first);

  uid_t first_ = 0;
  std::uint32_t count_ = 0;
  pid_t holder_ = -1;
  UniqueFd life_;  // the holder ends when this is closed
};

// Whether no other process has the caller's real uid, by the kernel's own count: with room for two,
// one more can be made. Lowers the caller's RLIMIT_NPROC. The caller has no right to exceed it.
bool is_alone_under_its_uid();

// The same for another uid, in a child that takes it; EUSERS if somebody has it.
SetupError verify_unused(uid_t uid, Step step);

}  // namespace pyexec::sandbox
