// How SQLite locks, where the kernel's record locks cannot be had.
#pragma once

#include <cstdint>

namespace pyexec {

// How a script's files are locked. It is decided by the jail, and the same for all of a zygote's.
enum class Locking : std::uint8_t {
  by_kernel,       // each jail has inodes of its own (sandbox/layers/jail_root.h)
  within_process,  // a job is one process: nobody else can hold a lock on its files
  by_files,        // several processes and no locks of the kernel's
};

// In the place of fcntl(2) for SQLite, as of sqlite3_vfs.xSetSystemCall: a process does not
// conflict with its own record locks, and SQLite itself keeps its connections within a process
// apart. So where a job is one process, each lock is granted and none is found.
extern "C" int lock_within_process(int fd, int command, ...);

}  // namespace pyexec
