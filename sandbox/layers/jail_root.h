// The root of one jail with files of its own (Files::own).
//
//   /          overlay of what the jailer has prepared       /tmp, /dev/shm   its scratch (init.cc)
//   /usr/bin,  parts of one overlay of the host's /usr; an   /dev/null, ...   device nodes that no
//   /usr/lib,  overlay each where the host has mounted                        other jail has
//   ...        another file system there                     /etc             a tmpfs with links
//
// A lock is taken on an inode. A file that two jails can both open has a separate inode in each of
// them, so a job can lock files as it likes and no other job can notice.
//
// The kernel caches the names that were looked up in an overlay, those of missing files too, until
// the overlay ends, and charges them to the job's group. Where a jail is kept, `forget_names` ends
// that cache between two jobs.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Runs as pid 1 of a jail, in the root that the jailer has prepared (enter_root_image), as the root
// of the jail's user namespace; system calls only. Leaves the process in the jail's root, read
// back, with no path to the directories it is made of. kUnfixedNumbers, as the error's index: a
// jail that may be kept would tell the next job how many directories were looked at.
SetupError enter_jail_root(const Plan& plan);
inline constexpr std::uint32_t kUnfixedNumbers = 400;

// Empties the cache of names of each overlay of the jail's root; the caller is in it, has the
// rights of its user namespace's root, and nobody has a file of it open: a name in use stays. 36 us
// a mount.
SetupError forget_names(const Plan& plan);

}  // namespace pyexec::sandbox
