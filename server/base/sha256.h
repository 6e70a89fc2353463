// SHA-256, by OpenSSL. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

using Sha256 = std::array<std::uint8_t, 32>;

// Returns nullopt only if OpenSSL is not allowed to hash.
std::optional<Sha256> sha256(std::string_view text);
// In hexadecimal.
std::string as_hex(const Sha256& hash);

}  // namespace pyexec
