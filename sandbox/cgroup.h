// Bounds on a job as a whole, whatever processes it makes: a control group for each slot. A slot
// serves one job after another, so that no process is ever moved: who is forked in it stays in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/limits.h"
#include "sandbox/plan.h"

namespace pyexec::sandbox {

// Makes this service's own groups beside the launcher's, version 2 or 1, and shows by overstepping
// both bounds in a group of their own that the kernel holds them. Sets plan.cgroup and its
// directories. `locks` say that they are in use, as long as the caller keeps them: other services
// remove what nobody has locked. The index of the error: 1 memory, 2 processes.
SetupError make_cgroups(Plan& plan, std::vector<UniqueFd>& locks);
void remove_cgroups(const Plan& plan);
// And plan.cgroup is none.
void forget_cgroups(Plan& plan);

// `generation`: of the zygote; two that follow each other may be there at the same time.
struct SlotName {
  std::uint32_t generation, index;
};
// The groups of a zygote that has ended. False while processes of its jobs, or of its slots, are
// still being taken apart.
bool remove_slots(const Plan& plan, std::uint32_t generation);

// One slot's groups, entered by the process that forks its workers.
class Slot {
 public:
  // Makes them, bounded by `limits`, and moves the calling process in.
  SetupError enter(const Plan& plan, const Limits& limits, const SlotName& slot);

  // Whether nobody but the caller is in, and what its last job has left in memory is gone: files of
  // a tmpfs stay charged to who wrote them until the kernel has taken the last of them apart.
  bool is_empty() const;
  // Processes that the kernel ended here for want of memory, so far.
  std::uint64_t memory_kills() const;

 private:
  bool is_memory_free() const;

  UniqueFd process_count_, memory_events_, memory_use_, memory_kinds_;
};

}  // namespace pyexec::sandbox
