// Tries single layers. Runs in throwaway children of the launcher.
#pragma once

#include <cstdint>

#include "sandbox/base/layer_names.h"
#include "sandbox/layers/uid_range.h"

namespace pyexec::sandbox {

// Applies the layer to this process. Returns 0 or an errno value.
std::int32_t try_layer(Layer layer, const UidRange& uids);

}  // namespace pyexec::sandbox
