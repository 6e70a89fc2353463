// Kills a job: every process of a jail's pid namespace but its init, which calls this.
#pragma once

namespace pyexec::sandbox {

struct KilledJob {
  bool is_gone;       // false: the kernel does not let it be killed; the init's exit ends it
  bool was_one_task;  // by the kernel's counter, it had made no process and no thread
};

// Stops the job, kills it, waits until nobody is left, and says so on `lifeline`
// (base/lifeline.h). last_pid: /proc/sys/kernel/ns_last_pid; may be closed.
KilledJob kill_job(int lifeline, int last_pid);

// Sets the kernel's counter back to where it was before the only worker, once that is gone. Needs
// CAP_CHECKPOINT_RESTORE in the namespace.
bool set_counter_back(int last_pid);

}  // namespace pyexec::sandbox
