// Bounds on a job as a whole, whatever processes it makes: a control group for each slot. A slot
// serves one job after another, so that no process is ever moved: who is forked in it stays in it.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/limits.h"
#include "sandbox/plan.h"

namespace pyexec::sandbox {

// Makes this service's own groups beside the launcher's, version 2 or 1, and shows by overstepping
// both bounds in a group of their own that the kernel holds them. Sets plan.cgroup and its
// directories. The index of the error: 1 memory, 2 processes.
SetupError make_cgroups(Plan& plan);
void remove_cgroups(const Plan& plan);

// One slot's groups, entered by the process that forks its workers.
class Slot {
 public:
  // Makes them, bounded by `limits`, and moves the calling process in.
  SetupError enter(const Plan& plan, const Limits& limits, std::uint32_t number);

  // Whether nobody but the caller is in.
  bool is_empty() const;
  // Processes that the kernel ended here for want of memory, so far.
  std::uint64_t memory_kills() const;

 private:
  UniqueFd process_count_, memory_events_;
};

}  // namespace pyexec::sandbox
