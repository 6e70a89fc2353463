#include "server/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <limits>
#include <memory>

#include "server/ascii.h"

namespace pyexec {
namespace {

constexpr std::string_view kSpaces = " \t";
constexpr std::string_view kTokenCharacters = "!#$%&'*+-.^_`|~";
constexpr int kGzipWindowBits = 15 + 16;  // zlib: + 16 is gzip's header and not zlib's
constexpr int kLevel = 1, kMemoryLevel = 8;

// In thousandths. Nothing unless it is `0[.ddd]` or `1[.000]`.
std::optional<int> parse_quality(std::string_view text) {
  constexpr std::size_t kMostDigits = 3;
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int thousandths = text[0] - '0';
  text.remove_prefix(1);
  if (!text.empty() && text[0] != '.') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  if (text.size() > kMostDigits || !std::all_of(text.begin(), text.end(), is_ascii_digit))
    return std::nullopt;
  for (std::size_t i = 0; i < kMostDigits; ++i)
    thousandths = 10 * thousandths + (i < text.size() ? text[i] - '0' : 0);
  if (thousandths > 1000) return std::nullopt;
  return thousandths;
}

struct Coding {
  std::string_view name;
  int thousandths;
};

std::optional<Coding> parse_coding(std::string_view member) {
  const auto semicolon = std::min(member.find(';'), member.size());
  const std::string_view name = trimmed(member.substr(0, semicolon), kSpaces);
  if (name.empty() || !is_alphanumeric_or(name, kTokenCharacters)) return std::nullopt;
  if (semicolon == member.size()) return Coding{name, 1000};
  const std::string_view weight = trimmed(member.substr(semicolon + 1), kSpaces);
  if (!boost::istarts_with(weight, "q=")) return std::nullopt;
  const auto quality = parse_quality(weight.substr(2));
  if (!quality) return std::nullopt;
  return Coding{name, *quality};
}

bool is_gzip(std::string_view name) {
  return boost::iequals(name, "gzip") || boost::iequals(name, "x-gzip");
}

}  // namespace

std::optional<std::string> gzip(std::string_view body) {
  if (body.empty() || body.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream = {};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, deflateEnd);
  std::string out(body.size() - 1, '\0');  // what does not fit is not smaller
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return std::nullopt;
  out.resize(out.size() - stream.avail_out);
  return out;
}

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<int> gzip_quality, any_quality, identity_quality;
  while (!accept_encoding.empty()) {
    const auto comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const auto coding = parse_coding(accept_encoding.substr(0, comma));
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    if (!coding) continue;
    // Said twice, the lesser counts.
    const auto note = [&](std::optional<int> said) {
      return std::min(said.value_or(coding->thousandths), coding->thousandths);
    };
    if (is_gzip(coding->name)) gzip_quality = note(gzip_quality);
    if (coding->name == "*") any_quality = note(any_quality);
    if (boost::iequals(coding->name, "identity")) identity_quality = note(identity_quality);
  }
  const int quality = gzip_quality.value_or(any_quality.value_or(0));
  return quality > 0 && quality >= identity_quality.value_or(0);
}

}  // namespace pyexec
