// Kills a job: every process of a jail's pid namespace but its init, which calls this.
#pragma once

namespace pyexec::sandbox {

struct KilledJob {
  bool is_gone;       // false: the kernel does not let it be killed; the init's exit ends it
  bool was_one_task;  // by the kernel's counter, it had made no process and no thread
};

// How the worker got its number, 2.
enum class Numbering {
  counted,  // it was the next one
  chosen,   // by its forker (sys::fork_numbered), which leaves the kernel's counter as it is
};

// Stops the job, kills it, waits until nobody is left, and says so on `lifeline`
// (base/lifeline.h). last_pid: /proc/sys/kernel/ns_last_pid; may be closed.
KilledJob kill_job(int lifeline, int last_pid, Numbering numbering);

}  // namespace pyexec::sandbox
