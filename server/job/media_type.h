// Media types of files by their names. Pure.
#pragma once

#include <string_view>

namespace pyexec {

// Returns a type of the IANA registry; "application/octet-stream" if the extension is unknown.
std::string_view media_type(std::string_view name);

}  // namespace pyexec
