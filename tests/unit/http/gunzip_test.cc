#include "server/http/gunzip.h"

#include <random>

#include "server/http/gzip.h"
#include "tests/support/catch.h"

namespace pyexec {
namespace {

std::string text_of(std::size_t bytes) {
  std::mt19937 random(1);
  std::string out;
  while (out.size() < bytes) out += std::to_string(random() % 1000);
  return out;
}

// What comes of `packed`, in pieces of `piece` bytes; or "broken", or "cut".
std::string unpacked(const std::string& packed, std::size_t piece, std::size_t most) {
  Gunzip gunzip;
  std::string out;
  auto state = Gunzip::State::wants_input;
  for (std::size_t at = 0; at < packed.size(); at += piece) {
    std::string_view in = std::string_view(packed).substr(at, piece);
    do {
      const std::size_t before = out.size();
      state = gunzip.next(in, out, most);
      CHECK(out.size() - before <= most);
      if (state == Gunzip::State::broken) return "broken";
    } while (state == Gunzip::State::more);
  }
  return state == Gunzip::State::whole ? out : "cut";
}

TEST_CASE("what was packed comes out, whatever the pieces", "[gunzip]") {
  const std::string text = text_of(20'000), packed = *gzip(text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, packed.size()})
    for (const std::size_t most : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20})
      CHECK(unpacked(packed, piece, most) == text);
}

TEST_CASE("members follow each other", "[gunzip]") {
  const std::string text = text_of(5000), packed = *gzip(text) + *gzip(text);
  for (const std::size_t piece : {std::size_t{1}, packed.size() / 2, packed.size()})
    CHECK(unpacked(packed, piece, 1000) == text + text);
}

TEST_CASE("many empty members are read in few turns", "[gunzip]") {
  const std::string empty("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
  std::string packed, out;
  for (int i = 0; i < 10'000; ++i) packed += empty;
  Gunzip gunzip;
  std::string_view in = packed;
  int turns = 0;
  for (auto state = Gunzip::State::more; state == Gunzip::State::more; ++turns)
    state = gunzip.next(in, out, 1000);
  CHECK((in.empty() && out.empty()));
  CHECK(turns < 10);
}

TEST_CASE("what is cut or no gzip is told apart from what is whole", "[gunzip]") {
  const std::string packed = *gzip(text_of(5000));
  for (std::size_t size = 1; size < packed.size(); size += 97)
    CHECK(unpacked(packed.substr(0, size), 1000, 1000) == "cut");
  CHECK(unpacked("{\"script\": \"x\"}", 1000, 1000) == "broken");
  CHECK(unpacked(packed + "x", 10'000, 10'000) != text_of(5000));
  std::string wrong = packed;
  wrong[packed.size() - 6] ^= 1;  // of the checksum
  CHECK(unpacked(wrong, 1000, 1000) == "broken");
}

}  // namespace
}  // namespace pyexec
