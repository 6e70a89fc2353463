// Why a service does not start at the level that is wanted, in words for its operator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/protocol/control.h"

namespace pyexec {

// What the operator asks for.
struct WantedIsolation {
  std::uint64_t min_level, max_level;
  std::uint64_t pool_workers, running_jobs;
};

// One sentence that says what is missing, why, and how to get it. Returns nullopt if the host gives
// what is wanted.
std::optional<std::string> below_minimum(const Probed& probed, const WantedIsolation& wanted);

// Which resource the host is so short of at the moment that its level cannot be told. Returns
// nullopt if it is short of none.
std::optional<std::string> shortage(const Probed& probed);

}  // namespace pyexec
