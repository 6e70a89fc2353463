#include "server/base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace pyexec {
namespace {

// OpenSSL counts in int.
constexpr std::size_t kPieceBytes = 3 << 20, kPieceDigits = kPieceBytes / 3 * 4;

unsigned char* unsigned_data(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}
const unsigned char* unsigned_data(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Returns only the digits, in the standard alphabet, padded to a multiple of four.
std::optional<std::string> normalized(std::string_view text) {
  std::string digits;
  digits.reserve(text.size() + 4);
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    if (padding > 0) return std::nullopt;
    digits += c == '-' ? '+' : c == '_' ? '/' : c;
  }
  const std::size_t missing = (4 - digits.size() % 4) % 4;
  if (missing == 3 || (padding > 0 && padding != missing)) return std::nullopt;
  digits.append(missing, '=');
  return digits;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends each piece with a zero
  std::size_t size = 0;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPieceBytes, bytes.size()))) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    size += static_cast<std::size_t>(EVP_EncodeBlock(unsigned_data(out, size), unsigned_data(piece),
                                                     static_cast<int>(piece.size())));
  }
  out.resize(size);
  return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
  const auto digits = normalized(text);
  if (!digits) return std::nullopt;
  std::string out(digits->size() / 4 * 3, '\0');
  std::size_t size = 0;
  for (std::string_view rest = *digits; !rest.empty();
       rest.remove_prefix(std::min(kPieceDigits, rest.size()))) {
    const std::string_view piece = rest.substr(0, kPieceDigits);
    const int decoded = EVP_DecodeBlock(unsigned_data(out, size), unsigned_data(piece),
                                        static_cast<int>(piece.size()));
    if (decoded < 0) return std::nullopt;
    size += static_cast<std::size_t>(decoded);
  }
  // OpenSSL decodes padding as zeros.
  out.resize(size - static_cast<std::size_t>(std::count(digits->begin(), digits->end(), '=')));
  return out;
}

}  // namespace pyexec
