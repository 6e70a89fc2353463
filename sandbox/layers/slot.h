// One slot's control groups: the bounds on a job as a whole.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// The slot's own process, and what the kernel charges to the group that is not the job's.
inline constexpr std::uint64_t kOwnBytes = 32 << 20, kOwnProcesses = 1;

// `generation`: of the zygote; two that follow each other may be there at the same time.
struct SlotName {
  std::uint32_t generation, index;
};

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
