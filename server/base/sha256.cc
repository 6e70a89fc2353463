#include "server/base/sha256.h"

#include <openssl/evp.h>

namespace pyexec {

std::optional<Sha256> sha256(std::string_view text) {
  Sha256 hash;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != hash.size())
    return std::nullopt;
  return hash;
}

std::string as_hex(const Sha256& hash) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hash)
    text.append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  return text;
}

}  // namespace pyexec
