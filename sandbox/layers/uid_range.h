// A range of uids that no other service on this host has.
//
// Uids belong to the host. Services in different containers share no files and do not see each
// other's processes, but may still use the same uids. Where a job is ended by killing every process
// of its uid, one service's sweep would kill the other's jobs. All of them share the kernel's count
// of the processes of each uid. So a range belongs to the service with the only process under its
// first uid: the holder, a process that does nothing else.
#pragma once

#include <sys/types.h>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

class UidRange {
 public:
  // Runs in the launcher, single-threaded, with the right to change its uid. Without that right it
  // does nothing, and no plan with uids of its own works. EUSERS: every range that was tried has a
  // holder.
  SetupError claim();
  // Writes the range to `plan`: the first one of this user namespace if none has been claimed.
  void give_to(Plan& plan) const;

  // A child of the launcher; -1: none. The range is free once it has ended.
  pid_t holder() const { return holder_; }
  // Ends the holder. The caller has to wait for it.
  void release();

 private:
  SetupError hold(uid_t first);

  uid_t first_ = 0;
  std::uint32_t count_ = 0;
  pid_t holder_ = -1;
  UniqueFd life_;  // the holder ends when this is closed
};

// Whether no other process has the caller's real uid, by the kernel's own count: with a limit of
// two, one more can be made. Lowers the caller's RLIMIT_NPROC. The caller must have no right to
// exceed it.
bool is_alone_under_its_uid();

// The same for another uid, in a child that takes it. EUSERS if another process has it: the job of
// a service that was killed, say, until the kernel has dismantled it.
SetupError verify_unused(uid_t uid, Step step);

}  // namespace pyexec::sandbox
