// What a file is, by its name. Pure.
#pragma once

#include <string_view>

namespace pyexec {

// As of the IANA registry; "application/octet-stream" where the ending says nothing.
std::string_view media_type(std::string_view name);

}  // namespace pyexec
