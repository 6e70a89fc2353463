// The server as a process: descriptors, children, last words.
#pragma once

#include <cstdint>
#include <string>

#include "server/base/asio.h"

namespace pyexec {

// As many descriptors as the host lets this process have; returns how many that is.
std::uint64_t raise_descriptor_limit();

// Of this process and of what it will start: who wakes up for a moment need not wait until whoever
// is busy has used up milliseconds. Kernels before 6.12 have one slice for all and ignore it.
void shorten_time_slices();

// Orphans of the zygote become children of this process; `reap_children` collects what has ended.
void adopt_orphans();
void reap_children();

// Waits until no child is left; false, with the rest killed, if that takes longer than `limit`.
bool wait_for_children(std::chrono::milliseconds limit);

// Of this process alone; 0 where the system does not tell.
std::uint64_t resident_bytes();
double cpu_seconds();

// The pyexec-worker beside this program.
std::string default_worker_path();

}  // namespace pyexec
