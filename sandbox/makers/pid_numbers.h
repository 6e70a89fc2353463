// The numbers that a pid namespace gives out, which ascend: they tell whether anybody was made.
// Called by pid 1 of a jail; system calls only.
#pragma once

#include <sys/types.h>

namespace pyexec::sandbox {

// Returns the number that the last process or thread got, or 0 if the kernel does not tell.
// last_pid: descriptor of /proc/sys/kernel/ns_last_pid; may be closed.
pid_t last_number(int last_pid);

// Returns the number of a process that is made for that, and has ended; -1 on failure.
pid_t next_number();

}  // namespace pyexec::sandbox
