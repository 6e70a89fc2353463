// The root of one jail over files of its own (Files::own).
//
//   /          overlay of what the jailer has prepared       /tmp, /dev/shm   its scratch (init.cc)
//   /usr/bin,  an overlay of the host's directory each       /dev/null, ...   device nodes that no
//   /usr/lib,                                                                 other jail has
//   ...                                                      /etc             a tmpfs with links
//
// A lock is taken on an inode. Whatever two jails can both open has one inode in each of them, so
// that a job can lock files as it likes and no other job can tell.
#pragma once

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Runs as pid 1 of a jail, in the root that the jailer has prepared (enter_root_image), as the root
// of the jail's user namespace; system calls only. Leaves it in the jail's root, read back, without
// a way to what it is made of.
SetupError enter_jail_root();

}  // namespace pyexec::sandbox
