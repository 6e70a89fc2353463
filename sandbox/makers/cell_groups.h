// The part of a session's init that ends cells (sandbox/base/cell_line.h). Runs as pid 1 of a jail,
// which alone reaps there; uses system calls only.
#pragma once

#include <sys/types.h>

#include "sandbox/base/cell_line.h"
#include "sandbox/base/step.h"
#include "sandbox/base/times.h"

namespace pyexec::sandbox {

class CellGroups {
 public:
  // last_pid: descriptor of /proc/sys/kernel/ns_last_pid, or closed if the kernel does not have it.
  CellGroups(int lifeline, int last_pid) : lifeline_(lifeline), last_pid_(last_pid) {}

  // Has the kernel keep the statuses of children for `serve`. Call before the first can end.
  static SetupError begin();

  // Returns once the lifeline is shut down or closed. on_other: is told of each reaped process that
  // leads no group of a cell.
  struct Reaped {
    pid_t pid;
    int wait_status;
    Usage usage;
  };
  using OnOther = void (*)(void* context, const Reaped& reaped);
  void serve(OnOther on_other = nullptr, void* context = nullptr);

  // Undoes `begin`: from now on the kernel reaps.
  static void end();

 private:
  void reap();
  bool settle(pid_t leader);
  bool kill(pid_t leader, bool& was_alone);
  bool carry_out(const CellCommand& command, bool& was_alone);
  bool is_newest(pid_t leader) const;
  bool await(pid_t leader, bool (CellGroups::*is_done)(pid_t));
  bool is_gone(pid_t leader);
  bool is_alone(pid_t leader);
  pid_t newest() const;
  bool tell(const CellNotice& notice) const;

  const int lifeline_, last_pid_;
  OnOther on_other_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace pyexec::sandbox
