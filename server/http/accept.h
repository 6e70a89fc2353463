// Content negotiation: picks the media type that a client prefers. Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace pyexec {

// Returns the index of the best of `types`, which are in the server's order of preference; nullopt
// if none is acceptable. accept: the value of an Accept field (RFC 9110, 12.5.1). The most specific
// range sets a type's weight. If weights are equal, the type named most exactly wins, then the one
// named first.
std::optional<std::size_t> best_type(std::string_view accept,
                                     std::span<const std::string_view> types);

}  // namespace pyexec
