// The operator's packages, checked before any process is started.
#pragma once

#include <optional>
#include <string>

#include "server/config/config.h"

namespace pyexec {

// Replaces PYEXEC_PACKAGES_DIR by its path without links. Returns an error message if jobs cannot
// have that directory, or if PYEXEC_PREIMPORT is no list of modules.
std::optional<std::string> settle_packages(Config& config);

}  // namespace pyexec
