// Answers, compressed. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// Of smaller bodies the saving is less than a packet.
inline constexpr std::size_t kLeastGzipBytes = 1 << 10;
// It takes some 9 ms a MiB, during which the server's thread does nothing else.
inline constexpr std::size_t kMostGzipBytes = 1 << 20;

// Nothing if it would not be smaller, is 4 GiB or more, or there is no memory. The fastest level,
// which takes some 9 ms a MiB of JSON; the same bytes give the same bytes.
std::optional<std::string> gzip(std::string_view body);

// Whether an Accept-Encoding header's value allows gzip (RFC 9110, 12.5.3) and does not like
// "identity" better. A member that is malformed is passed over.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace pyexec
