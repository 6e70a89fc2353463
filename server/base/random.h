// Names that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace pyexec {

// So many bytes of OpenSSL's generator, in hexadecimal. Throws std::runtime_error where the system
// has no randomness.
std::string random_hex(std::size_t bytes);

}  // namespace pyexec
