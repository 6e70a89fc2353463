// Names and values that are added to an answer; as Response has them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pyexec {

using Headers = std::vector<std::pair<std::string_view, std::string>>;  // the names are literals

}  // namespace pyexec
