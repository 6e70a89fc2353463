#include "server/http/gzip.h"

#include <zlib.h>

#include <random>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

// What a client makes of it; nothing if it is not one whole gzip member.
std::optional<std::string> gunzip(const std::string& packed, std::size_t most) {
  z_stream stream = {};
  constexpr int kGzipOnly = 15 + 16;
  REQUIRE(inflateInit2(&stream, kGzipOnly) == Z_OK);
  std::string in = packed, out(most + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = inflate(&stream, Z_FINISH);
  const auto left = stream.avail_in;
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  if (end != Z_STREAM_END || left != 0) return std::nullopt;
  return out;
}

std::string random_bytes(std::size_t size) {
  std::mt19937 generator(1);
  std::string out;
  while (out.size() < size) out += static_cast<char>(generator() & 255);
  return out;
}

TEST_CASE("what was compressed is the same after it was unpacked", "[gzip]") {
  std::string numbers;
  for (int i = 0; i < 200'000; ++i) numbers += std::to_string(i) + ", ";
  const std::string zeros(3 << 20, '\0');
  for (const std::string& body : {std::string(kLeastGzipBytes, 'a'), numbers, zeros}) {
    const auto packed = gzip(body);
    REQUIRE(packed);
    CHECK(packed->size() < body.size());
    CHECK((gunzip(*packed, body.size()) == body));
  }
}

TEST_CASE("the same bytes give the same gzip", "[gzip]") {
  const std::string body(5000, 'x');
  CHECK(gzip(body) == gzip(body));
}

TEST_CASE("what would not become smaller is not compressed", "[gzip]") {
  CHECK_FALSE(gzip(""));
  CHECK_FALSE(gzip("a"));
  CHECK_FALSE(gzip("{\"result\": 1}"));
  CHECK_FALSE(gzip(random_bytes(100'000)));
}

TEST_CASE("a body is compressed as soon as that saves one byte", "[gzip]") {
  std::size_t size = 1;
  while (!gzip(std::string(size, 'a'))) ++size;
  const auto packed = gzip(std::string(size, 'a'));
  CHECK(packed->size() == size - 1);
}

TEST_CASE("a client that names gzip accepts it", "[gzip]") {
  for (const char* header : {"gzip",
                             "GZip",
                             "x-gzip",
                             "X-GZIP",
                             "gzip;q=1",
                             "gzip;q=1.",
                             "gzip;q=1.000",
                             "gzip;q=0.001",
                             "gzip ; q=0.5",
                             "gzip;Q=0.5",
                             "gzip;\tq=0.5",
                             " gzip ",
                             "deflate, gzip",
                             "br,gzip;q=0.1",
                             "gzip, deflate, br, zstd",
                             ",,gzip,",
                             "identity;q=0.5, gzip",
                             "identity;q=0, gzip;q=0.1",
                             "gzip, identity",
                             "*",
                             "*;q=0.5",
                             "br, *;q=0.1",
                             "*;q=0, gzip",
                             "gzip;q=0.5"}) {
    CAPTURE(header);
    CHECK(accepts_gzip(header));
  }
}

TEST_CASE("a client that refuses gzip or does not name it does not accept it", "[gzip]") {
  for (const char* header :
       {"", " ", ",", "identity", "deflate", "br, zstd", "gzip;q=0", "gzip;q=0.", "gzip;q=0.000",
        "x-gzip;q=0", "*;q=0", "gzip;q=0, *", "*, gzip;q=0", "*;q=1, x-gzip;q=0, br", "gzip2", "gz",
        "xgzip", "gzip;q=0, gzip", "gzip, gzip;q=0"}) {
    CAPTURE(header);
    CHECK_FALSE(accepts_gzip(header));
  }
}

TEST_CASE("a client that likes identity better gets it", "[gzip]") {
  CHECK_FALSE(accepts_gzip("identity, gzip;q=0.9"));
  CHECK_FALSE(accepts_gzip("gzip;q=0.2, identity;q=0.201"));
  CHECK_FALSE(accepts_gzip("identity;q=0.5, *;q=0.1"));
  CHECK(accepts_gzip("gzip;q=0.2, identity;q=0.2"));
}

TEST_CASE("a malformed member is passed over", "[gzip]") {
  for (const std::string& bad :
       {std::string("gzip;q=2"), std::string("gzip;q=1.001"), std::string("gzip;q=0.1234"),
        std::string("gzip;q=-1"), std::string("gzip;q="), std::string("gzip;q"),
        std::string("gzip;q=a"), std::string("gzip;q = 1"), std::string(), std::string("gz ip"),
        std::string("\"gzip\""), std::string(";q=1"), std::string("gzip/1"),
        std::string("gzip\0", 5)}) {
    CAPTURE(bad);
    CHECK_FALSE(accepts_gzip(bad));
    CHECK(accepts_gzip(bad + ", gzip"));
    CHECK_FALSE(accepts_gzip(bad + ", gzip;q=0"));
  }
}

}  // namespace
}  // namespace pyexec
