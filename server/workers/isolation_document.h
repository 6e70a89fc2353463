// The isolation of this host as JSON, for /health and for --probe.
#pragma once

#include <string>

#include "server/workers/isolation.h"

namespace pyexec {

// Returns the "isolation" object of /health.
std::string isolation_document(const Isolation& isolation);
// Returns all probe results: each layer, each kind of jail, and what stopped it.
std::string probe_document(const Probed& probed, std::uint32_t max_level);

}  // namespace pyexec
