// The read-only root of the jails: built once by the jailer in its own mount namespace, then
// inherited, locked, by every jail's mount namespace. Where the plan gives each jail files of its
// own, what is built here is what those are made of (jail_root.h).
#pragma once

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Leaves the calling process in a private mount namespace whose only contents are the root table
// (root_image.cc). Needs CAP_SYS_ADMIN. Nothing outside the calling process changes.
SetupError enter_root_image(const Plan& plan);

// Files::own: the device nodes of the next jail, which its init binds before it reports; then they
// have no name any more, and end with that jail.
SetupError make_device_nodes();
SetupError unlink_device_nodes();

// Makes the directory that the image prepares for it the root of the calling process; needs
// CAP_SYS_CHROOT. Where neither mounts nor Landlock can be had.
SetupError enter_prepared_root();
inline constexpr const char* kPreparedRoot = "/usr";

// Where a jail mounts its private tmpfs file systems.
inline constexpr const char* kTmpDirectory = "/tmp";
inline constexpr const char* kShmDirectory = "/dev/shm";

}  // namespace pyexec::sandbox
