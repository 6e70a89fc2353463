// The host's /usr as the lower directory of an overlay (jail_root.h).
#pragma once

#include <string>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Mounts `source` so that nothing in it can gain rights. Keeps the source's mount flags. flags: of
// mount(2), in addition. Returns -1 with errno if it fails.
int bind(const char* source, const char* target, unsigned long flags);

// Runs in the jailer, as host root, while the host's tree is in reach: binds it below `staging`, as
// `kTreeSource`, and an empty directory of the same file system, if there is one, as `kTreeEmpty`.
SetupError prepare_tree(const std::string& staging);

// Whether the host's directory is of the tree's mount: no other mount is above it.
bool is_of_the_tree(const char* path);

}  // namespace pyexec::sandbox
