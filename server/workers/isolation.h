// What is known about the jails of this host, and how it is told: to the operator, in /health, and
// by --probe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/config/config.h"
#include "worker/protocol/control.h"

namespace pyexec {

struct Isolation {
  Probed probed = {};
  std::uint64_t selftest_run = 0, selftest_blocked = 0;
};

// Where this process runs, as far as it can be told: bare, docker, kubernetes, gvisor, cloud_run.
std::string platform();

// Why the configured least level, or numbers of workers, cannot be had, as one sentence that says
// what is missing, why, and how to get it. Nothing if it can.
std::optional<std::string> below_minimum(const Probed& probed, const Config& config);

// The "isolation" object of /health, as JSON.
std::string isolation_document(const Isolation& isolation);
// All that was found out, each layer with what stopped it, as JSON.
std::string probe_document(const Probed& probed);

// Why the level is not known: of what the host has too little now. Nothing if that is not so.
std::optional<std::string> shortage(const Probed& probed);

}  // namespace pyexec
