// Explains to the operator why the service does not start at the wanted isolation level.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/protocol/control.h"

namespace pyexec {

// The operator's settings.
// Whether jobs have nothing but a system call filter (PYEXEC_ALLOW_WEAK).
bool has_filter_alone(const Probed& probed);

struct WantedIsolation {
  std::uint64_t min_level, max_level;
  std::uint64_t pool_workers, running_jobs, parked_jobs;
};

// Returns one sentence: what is missing, why, and how to get it. Returns nullopt if the host meets
// the wanted level.
std::optional<std::string> below_minimum(const Probed& probed, const WantedIsolation& wanted);

// Returns one sentence: what to do for the next level.
std::string next_level(const Probed& probed, std::uint32_t max_level);

// Returns the resource that is so short at the moment that the host's level cannot be determined.
// Returns nullopt if none is short.
std::optional<std::string> shortage(const Probed& probed);

}  // namespace pyexec
