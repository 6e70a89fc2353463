#include "server/http/request_id.h"

#include <array>
#include <cstdint>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostBytes = 128;

std::mt19937_64 seeded_generator() {
  std::random_device device;
  std::array<std::uint32_t, 8> words;
  for (std::uint32_t& word : words) word = device();
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

}  // namespace

RequestIds::RequestIds() : generator_(seeded_generator()) {}

std::string RequestIds::id_for(std::string_view sent) {
  if (!sent.empty() && sent.size() <= kMostBytes && is_alphanumeric_or(sent, "._~:/+=@-"))
    return std::string(sent);
  constexpr std::size_t kDigitsOfNumber = 16;
  std::string id;
  while (id.size() < 2 * kDigitsOfNumber) {
    std::uint64_t number = generator_();
    for (std::size_t i = 0; i < kDigitsOfNumber; ++i, number >>= 4)
      id += "0123456789abcdef"[number & 15];
  }
  return id;
}

}  // namespace pyexec
