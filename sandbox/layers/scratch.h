// The directories that jobs write to if they have no file system of their own.
#pragma once

#include <cstdint>

#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Finds a bounded file system in memory, and makes a directory for this service there. Sets
// plan.scratch, or leaves it empty: then jobs have no place to write. Runs in the launcher.
void make_scratch_base(Plan& plan);

// Removes a directory tree of any depth. Nothing may run in it any more. Follows no links. Returns
// whether it is gone.
bool remove_tree(const char* path);

// Whether the tree has more bytes or entries than `limits` allows, or more levels than are checked.
bool outgrew(const char* path, const Limits& limits);

}  // namespace pyexec::sandbox
