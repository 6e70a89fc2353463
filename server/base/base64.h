// Base64 as of RFC 4648. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// Uses the standard alphabet, with padding.
std::string encode_base64(std::string_view bytes);

// Accepts either alphabet. White space is ignored, and padding is optional. Returns nullopt if
// `text` is anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace pyexec
