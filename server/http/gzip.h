// Compression of answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// Below this size, compression saves less than a packet.
inline constexpr std::size_t kLeastGzipBytes = 1 << 10;
// Compression takes some 9 ms a MiB, during which the server's thread does nothing else.
inline constexpr std::size_t kMostGzipBytes = 1 << 20;

// Returns nullopt if the result would not be smaller, if `body` is 4 GiB or more, or if memory is
// short. Uses the fastest level, some 9 ms a MiB of JSON. The output is deterministic.
std::optional<std::string> gzip(std::string_view body);

// Whether an Accept-Encoding header's value allows gzip (RFC 9110, 12.5.3) and does not prefer
// "identity". Malformed members are ignored.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace pyexec
