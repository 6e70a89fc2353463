// The read-only root of the jails: built once by the jailer in its own mount namespace, then
// inherited, locked, by every jail's mount namespace. If the plan gives each jail files of its own,
// this image is the source of those files (jail_root.h).
#pragma once

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Leaves the calling process in a private mount namespace whose only contents are the root table
// (root_image.cc). Needs CAP_SYS_ADMIN. Nothing outside the calling process changes.
SetupError enter_root_image(const Plan& plan);

// Files::own: the device nodes of the next jail. Its init binds them before it reports. After that
// they are unlinked, and end with that jail.
SetupError make_device_nodes();
SetupError unlink_device_nodes();

// Makes kPreparedRoot the root of the calling process. Needs CAP_SYS_CHROOT. For hosts with neither
// mounts nor Landlock.
SetupError enter_prepared_root();
inline constexpr const char* kPreparedRoot = "/usr";

// Where a jail mounts its private tmpfs file systems.
inline constexpr const char* kTmpDirectory = "/tmp";
inline constexpr const char* kShmDirectory = "/dev/shm";

}  // namespace pyexec::sandbox
