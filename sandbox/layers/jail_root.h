// The root of one jail with files of its own (Files::own).
//
//   /          overlay of what the jailer has prepared       /tmp, /dev/shm   its scratch (init.cc)
//   /usr/bin,  an overlay of the host's directory each       /dev/null, ...   device nodes that no
//   /usr/lib,                                                                 other jail has
//   ...                                                      /etc             a tmpfs with links
//
// A lock is taken on an inode. A file that two jails can both open has a separate inode in each of
// them, so a job can lock files as it likes and no other job can notice.
#pragma once

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Runs as pid 1 of a jail, in the root that the jailer has prepared (enter_root_image), as the root
// of the jail's user namespace; system calls only. Leaves the process in the jail's root, read
// back, with no path to the directories it is made of.
SetupError enter_jail_root();

}  // namespace pyexec::sandbox
