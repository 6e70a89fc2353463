// How the descriptors that the server may have open are shared out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace pyexec {

// Gives connections and further jails of templates what the rest of the configuration leaves of
// `most` descriptors: a message of the zygote whose descriptors do not fit would cost it, and every
// job. Lowers `connections` and `template_jails` to what there is room for, each to no less than 1.
// Returns a sentence for each that it has lowered.
std::vector<std::string> share_out_descriptors(Config& config, std::uint64_t most);

}  // namespace pyexec
