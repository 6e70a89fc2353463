// What is known about the jails of this host.
#pragma once

#include <cstdint>
#include <string>

#include "worker/protocol/control.h"

namespace pyexec {

struct Isolation {
  Probed probed = {};
  std::uint64_t selftest_run = 0, selftest_blocked = 0;  // attacks
};

// Where this process runs, as far as it can be told: bare, docker, podman, kubernetes, gvisor,
// cloud_run_gen1, cloud_run_gen2.
std::string platform();

}  // namespace pyexec
