// Landlock: restricts which files a process may open, where mounts cannot.
#pragma once

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Runs in the worker, with no_new_privs set. From then on this process and all it starts can read
// only what the tables (landlock.cc) name, write only to a job's scratch directories and, as far as
// `abi` allows, neither reach TCP ports nor signal others. Landlock cannot refuse stat, chmod and
// the like: the system call filter has to.

// In the host's tree: a few rows of it, a directory to write to, and one of packages to read; ""
// for none.
struct OwnDirectories {
  const char *scratch, *packages;
};
SetupError restrict_host_tree(const OwnDirectories& own, int abi);
// In a jail's own tree, where the job has the uid that made it (Users::one_mapped).
SetupError restrict_image(int abi);

}  // namespace pyexec::sandbox
