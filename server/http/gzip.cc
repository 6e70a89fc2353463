#include "server/http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "server/http/quality.h"

namespace pyexec {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // zlib: + 16 means gzip's header, not zlib's
constexpr int kLevel = 1, kMemoryLevel = 8;

}  // namespace

std::optional<std::string> gzip(std::string_view body) {
  if (body.empty() || body.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream = {};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, deflateEnd);
  std::string out(body.size() - 1, '\0');  // a result that does not fit is not smaller
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
  for (const Choice& choice : parse_choices(accept_encoding)) {
    // If gzip is listed twice, the lower weight counts.
    const auto note = [&](std::optional<int> said) {
      return std::min(said.value_or(choice.thousandths), choice.thousandths);
    };
    if (choice.name == "gzip" || choice.name == "x-gzip") gzip_quality = note(gzip_quality);
    if (choice.name == "*") any_quality = note(any_quality);
    if (choice.name == "identity") identity_quality = note(identity_quality);
  }
  const int quality = gzip_quality.value_or(any_quality.value_or(0));
  return quality > 0 && quality >= identity_quality.value_or(0);
}

}  // namespace pyexec
