// Header fields that are added to an answer, in the form that Response has.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pyexec {

using Headers = std::vector<std::pair<std::string_view, std::string>>;  // the names are literals

}  // namespace pyexec
