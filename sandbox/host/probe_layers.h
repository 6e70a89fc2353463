// Runs in children of the launcher that are thrown away.
#pragma once

#include <cstdint>

#include "sandbox/base/layers.h"
#include "sandbox/layers/uid_range.h"

namespace pyexec::sandbox {

// Does what the layer is made of, to this process. Returns 0 or an errno value.
std::int32_t try_layer(Layer layer, const UidRange& uids);

}  // namespace pyexec::sandbox
