// The level of isolation on this host, and the result of the self-test.
#pragma once

#include <cstdint>
#include <string>

#include "worker/protocol/control.h"

namespace pyexec {

struct Isolation {
  Probed probed = {};
  std::uint64_t selftest_run = 0, selftest_blocked = 0;  // attacks
};

// Returns the platform this process runs on, as far as it can be detected: bare, docker, podman,
// kubernetes, gvisor, cloud_run_gen1, cloud_run_gen2.
std::string platform();

}  // namespace pyexec
