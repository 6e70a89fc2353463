// How SQLite locks files if the kernel's record locks are unavailable.
#pragma once

#include <cstdint>

namespace pyexec {

// How a script's files are locked. Decided by the jail, and the same for all workers of a zygote.
enum class Locking : std::uint8_t {
  by_kernel,       // each jail has inodes of its own (sandbox/layers/jail_root.h)
  within_process,  // a job is one process: no other can hold a lock on its files
  by_files,        // several processes, and no locks by the kernel
};

// Replaces fcntl(2) for SQLite, by sqlite3_vfs.xSetSystemCall. A process does not conflict with its
// own record locks, and SQLite itself separates its connections within a process. So if a job is
// one process, every lock is granted and no lock is found.
extern "C" int lock_within_process(int fd, int command, ...);

}  // namespace pyexec
