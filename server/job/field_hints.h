// What a client probably meant by a name that is no field. Pure.
#pragma once

#include <span>
#include <string_view>

namespace pyexec {

// One of `known`, or empty: by what other services call it, or else by the fewest letters that
// differ.
std::string_view meant_field(std::string_view name, std::span<const std::string_view> known);

}  // namespace pyexec
