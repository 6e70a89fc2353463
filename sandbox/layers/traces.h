// What a job can leave in its jail, apart from processes and memory: traces in the file systems
// that are the jail's own, and that it may write to or whose times it may set.
//
// The kernel notes each change of a file or directory in its time of change (ctime), which nobody
// can set, and counts a file system's blocks and files. So a jail whose directories have the same
// inode data as before, and whose file systems have as much room as before, holds no file and never
// held one. Four things make that exact: reading leaves no time behind (noatime), and no name
// (jail_root.h); no file can be made without a name, which no directory would show (policy_for);
// and `settle_traces` ends the clock tick in which the last change before the job was made, within
// which a second one would not show.
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>

#include <array>

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

class Traces {
 public:
  // Notes how the jail is now. Called in the jail, once it is complete.
  SetupError note(const Plan& plan);
  // Whether it is still like that. Called once no process of the job is left.
  bool are_none() const;

 private:
  static constexpr std::size_t kMostPaths = 24, kFileSystems = 3;

  struct View {
    std::array<struct stat, kMostPaths> files;
    std::array<struct statfs, kFileSystems> systems;
  };
  bool look(View& view) const;

  View before_ = {};
  bool owns_etc_ = false;  // else it is the same for all jails
};

// Waits until a change would show: at most a few milliseconds in a new jail, not at all in one that
// has had a job. Called by the worker in its jail, before it gets a job.
SetupError settle_traces();

}  // namespace pyexec::sandbox
