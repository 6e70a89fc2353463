#include "server/base/utf8.h"

#include <cstdint>

namespace pyexec {
namespace {

struct Scan {
  std::size_t size;  // of the character or of the maximal ill-formed part; at least 1
  enum class State { whole, broken, cut } state;  // cut: the bytes end before the character does
};

Scan scan_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return {1, Scan::State::whole};
  // Table 3-7 of the Unicode standard: the second byte's range depends on the first.
  std::size_t size = 0;
  std::uint8_t low = 0x80, high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf)
    size = 2;
  else if (lead >= 0xe0 && lead <= 0xef)
    size = 3;
  else if (lead >= 0xf0 && lead <= 0xf4)
    size = 4;
  else
    return {1, Scan::State::broken};
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;  // surrogates
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == bytes.size()) return {i, Scan::State::cut};
    if (at(i) < low || at(i) > high) return {i, Scan::State::broken};
    low = 0x80;
    high = 0xbf;
  }
  return {size, Scan::State::whole};
}

}  // namespace

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Scan scan = scan_character(bytes);
    if (scan.state == Scan::State::whole)
      out.append(bytes.substr(0, scan.size));
    else
      out.append("\xef\xbf\xbd");
    bytes.remove_prefix(scan.size);
  }
  return out;
}

std::string_view without_cut_character(std::string_view bytes) {
  // A character has at most four bytes, so a cut one starts in the last three.
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const std::string_view tail = bytes.substr(bytes.size() - back);
    const Scan scan = scan_character(tail);
    if (scan.state == Scan::State::cut && scan.size == back)
      return bytes.substr(0, bytes.size() - back);
  }
  return bytes;
}

bool holds_surrogate(std::string_view text) {
  for (std::size_t i = 0; (i = text.find('\xed', i)) != std::string_view::npos; ++i)
    if (i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) >= 0xa0) return true;
  return false;
}

}  // namespace pyexec
