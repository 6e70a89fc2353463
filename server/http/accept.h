// Which of the forms of an answer a client likes best. Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace pyexec {

// The index of one of `types`, which are in the order of our own liking; nothing if none will do.
// accept: the value of an Accept field (RFC 9110, 12.5.1). The most specific range counts for a
// type; of types with the same weight the one that is named most exactly wins, then the one that is
// named first.
std::optional<std::size_t> best_type(std::string_view accept,
                                     std::span<const std::string_view> types);

}  // namespace pyexec
