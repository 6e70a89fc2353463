// The isolation of this host as JSON: for /health and for --probe.
#pragma once

#include <string>

#include "server/workers/isolation.h"

namespace pyexec {

// The "isolation" object of /health.
std::string isolation_document(const Isolation& isolation);
// Everything that was found out: each layer, each kind of jail, and what stopped it.
std::string probe_document(const Probed& probed);

}  // namespace pyexec
