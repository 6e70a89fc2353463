// Base64 as of RFC 4648. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// In the standard alphabet, with padding.
std::string encode_base64(std::string_view bytes);

// Takes either alphabet; white space is passed over, and the padding may be left out. Returns
// nullopt if `text` is anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace pyexec
