// Directories that jobs write into where they have no file system of their own.
#pragma once

#include <cstdint>

#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Finds a file system that is memory and has a bound, and makes a directory for this service there.
// Sets plan.scratch, or leaves it empty: then jobs have no place to write. Runs in the launcher.
void make_scratch_base(Plan& plan);

// Empties and removes a directory of any depth; nothing may run in it any more. Follows no link.
// Whether it is gone.
bool remove_tree(const char* path);

// Whether more bytes or entries than `limits` allows, or more levels than are looked at, are
// beneath.
bool outgrew(const char* path, const Limits& limits);

}  // namespace pyexec::sandbox
