// One slot's control groups: the bounds on a job as a whole.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/share.h"
#include "sandbox/base/step.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// Allowance for the slot's own process and for what else the kernel charges to the group.
inline constexpr std::uint64_t kOwnBytes = 32 << 20, kOwnProcesses = 1;

// `generation`: of the zygote. Two successive zygotes may exist at the same time.
struct SlotName {
  std::uint32_t generation, index;
};

// What the kernel tells of a slot to those outside.
struct SlotState {
  std::uint64_t memory_bytes;  // of all that is charged to it, caches that the kernel can drop too
  std::uint64_t memory_kills;  // processes that it has killed there for lack of memory, ever
};
SlotState look_at(const Plan& plan, const SlotName& slot);

// The process that forks the slot's workers enters its groups.
class Slot {
 public:
  // Makes the groups, bounded by `limits`, and moves the calling process into them.
  SetupError enter(const Plan& plan, const Limits& limits, const SlotName& slot);

  // Whether the caller is the only process left and the memory of the last job has been freed:
  // files of a tmpfs stay charged to their writer until the kernel has freed the last of them.
  bool is_empty() const;
  // Whether the kernel keeps more than that much for the slot, besides the memory of processes and
  // the contents of files.
  bool has_kernel_memory_beyond(std::uint64_t bytes) const;
  // Returns how many processes the kernel has killed here for lack of memory.
  std::uint64_t memory_kills() const;
  // The open file that sets the slot's share of the processor; -1: there is none.
  int share() const { return share_.get(); }
  ShareFile share_file() const { return share_file_; }

 private:
  SetupError open_share(const std::string& directory, ShareFile file);
  bool is_memory_free() const;
  std::uint64_t memory_bytes() const;  // all that is charged to the slot
  struct MemoryKinds {
    std::uint64_t processes, files, shared_memory;  // in bytes; files: shared memory too
  };
  MemoryKinds memory_kinds() const;

  UniqueFd process_count_, memory_events_, memory_use_, memory_kinds_, share_;
  ShareFile share_file_ = ShareFile::none;
};

}  // namespace pyexec::sandbox
