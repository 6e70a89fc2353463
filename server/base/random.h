// Unguessable names.
#pragma once

#include <cstddef>
#include <string>

namespace pyexec {

// Returns `bytes` bytes from OpenSSL's generator, in hexadecimal. Throws std::runtime_error if the
// system has no randomness.
std::string random_hex(std::size_t bytes);

}  // namespace pyexec
