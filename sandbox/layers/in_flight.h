// What outlives a job's processes: open files, with their locks and names, on their way from one
// process to another.
//
// A descriptor that was sent over a socket is on its way until it is received, and a socket that
// was sent over itself is until the kernel's collector finds it. A file that falls out of this way
// is closed later still, by a thread of the kernel. So a jail is clean once nothing is on its way
// from its uid, by the kernel's own count, and the kernel has closed all files that it had to
// close by then.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {

// Whether nothing that was sent under that uid is on its way. The caller may become that uid, is
// single-threaded and not dumpable. ETOOMANYREFS if something is.
SetupError verify_none_in_flight(uid_t uid);

// Tells when the kernel has closed what it had to close. It does so in batches; whatever waits when
// a round begins is closed before the end of the next one. One round serves
// all that wait.
class ClosedFiles {
 public:
  // Returns the count of rounds after which all files are closed that wait now.
  std::uint64_t await();
  bool have_reached(std::uint64_t count) const { return ended_ >= count; }

  // Readable when `hear` is to be called. -1: nobody waits. Also after `ms_left`.
  int source() const { return source_.get(); }
  int ms_left() const;
  void hear();
  // Whether a round takes so long that it may never end.
  bool is_stuck() const;

 private:
  void begin();
  void send_marker();

  UniqueFd source_;
  std::uint64_t begun_ = 0, ended_ = 0, wanted_ = 0, began_ns_ = 0;
};

}  // namespace pyexec::sandbox
