#include "server/base/random.h"

#include <openssl/rand.h>

#include <stdexcept>

namespace pyexec {

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0'), out;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1)
    throw std::runtime_error("the system has no randomness");
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace pyexec
