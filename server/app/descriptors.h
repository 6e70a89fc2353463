// How the descriptors that the server may have open are shared out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace pyexec {

// Gives connections and templates what jobs and sessions leave of `most` descriptors: a message of
// the zygote whose descriptors do not fit would cost it, and every job. Lowers `templates`,
// `template_jails` and `connections` to what there is room for, each to no less than 1. Returns a
// sentence for each that it has lowered, and one if jobs and sessions alone may need more.
std::vector<std::string> share_out_descriptors(Config& config, std::uint64_t most);

}  // namespace pyexec
