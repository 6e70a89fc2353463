// A compressed body. However it is cut into pieces, what comes out is the same.
#include "server/http/gunzip.h"

#include <algorithm>

#include "tests/fuzz/fuzz.h"

namespace pyexec {
namespace {

constexpr std::size_t kMost = 1000, kEnough = 1 << 18;  // of one call; of all

struct Unpacked {
  std::string text;
  Gunzip::State state = Gunzip::State::wants_input;
};

Unpacked unpack(std::string_view body, std::size_t piece) {
  using State = Gunzip::State;
  Gunzip gunzip;
  Unpacked done;
  while (!body.empty()) {
    std::string_view in = body.substr(0, piece);
    body.remove_prefix(in.size());
    do {
      const std::size_t in_before = in.size(), out_before = done.text.size();
      done.state = gunzip.next(in, done.text, kMost);
      FUZZ_CHECK(done.text.size() - out_before <= kMost);
      if (done.state == State::more)
        FUZZ_CHECK(in.size() < in_before || done.text.size() > out_before);
      if (done.state == State::broken || done.text.size() > kEnough) return done;
    } while (done.state == State::more);
    FUZZ_CHECK(in.empty());
  }
  return done;
}

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  const std::size_t piece = 1 + fuzz::take_choice(input) % 64;
  const Unpacked pieces = unpack(input, piece), whole = unpack(input, input.size() + 1);
  if (std::max(pieces.text.size(), whole.text.size()) > kEnough) return 0;
  FUZZ_CHECK((pieces.state == Gunzip::State::whole) == (whole.state == Gunzip::State::whole));
  if (whole.state == Gunzip::State::whole) FUZZ_CHECK(pieces.text == whole.text);
  return 0;
}
