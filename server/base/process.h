// The server as a process: descriptors, time slices, children, resource usage.
#pragma once

#include <cstdint>
#include <string>

#include "server/base/asio.h"

namespace pyexec {

// Raises the descriptor limit as far as the host allows. Returns the new limit.
std::uint64_t raise_descriptor_limit();

// Applies to this process and those that it will start. A process that wakes up briefly need not
// wait milliseconds for a busy one. Kernels before 6.12 have one slice for all and ignore it.
void shorten_time_slices();

// Makes the zygote's orphans children of this process; `reap_children` collects those that ended.
void adopt_orphans();
void reap_children();

// Waits until no child is left. After `limit`, kills the rest and returns false.
bool wait_for_children(std::chrono::milliseconds limit);

// Usage of this process alone; 0 if the system does not report it.
std::uint64_t resident_bytes();
double cpu_seconds();

// Returns the path of the pyexec-worker beside this program.
std::string default_worker_path();

}  // namespace pyexec
