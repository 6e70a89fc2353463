// The resource limits of one job, as data. Filled by the zygote from the server's configuration.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

struct Limits {
  std::uint64_t
      address_space_bytes;    // of each process: the warm interpreter's size plus the job's share
  std::uint64_t cpu_seconds;  // of each process
  std::uint64_t file_bytes;   // the largest file
  std::uint64_t open_files;
  std::uint64_t processes;  // and threads, beside the first
  std::uint64_t tmp_bytes;  // all of /tmp
  std::uint64_t tmp_inodes;
  std::uint64_t shm_bytes;  // all of /dev/shm
  // Of all processes together, where there is a control group; 0: as `address_space_bytes`.
  std::uint64_t group_bytes = 0;
};

// Sets every row of the rlimit table, soft and hard, and reads it back. Runs in the jailed worker.
SetupError apply_rlimits(const Plan& plan, const Limits& limits);

// Lowers the limit that `apply_rlimits` has set; never raises it. Runs later in the jailed worker.
SetupError lower_address_space(std::uint64_t bytes);
// Sets only the soft limit, to at most the hard one: the next cell of a session has another.
SetupError bound_address_space(std::uint64_t bytes);

}  // namespace pyexec::sandbox
