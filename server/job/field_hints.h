// Guesses which field a client meant by an unknown name. Pure.
#pragma once

#include <span>
#include <string_view>

namespace pyexec {

// Returns one of `known`, or empty if none is close. Names that other services use come first, then
// the smallest edit distance.
std::string_view meant_field(std::string_view name, std::span<const std::string_view> known);

}  // namespace pyexec
