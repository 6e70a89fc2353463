// The body of a batch. However it is cut into pieces, its items are the same.
#include "server/json/json_items.h"

#include <algorithm>

#include "tests/fuzz/fuzz.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kMostBytes = 24;

std::vector<std::string> items_of(std::string_view body, JsonItems::Form form, std::size_t piece) {
  using What = JsonItems::Item::What;
  JsonItems items(form, kMostBytes);
  std::vector<std::string> found;
  const auto drain = [&] {
    while (const auto item = items.next()) {
      FUZZ_CHECK(item->what != What::item || item->text.size() <= kMostBytes);
      FUZZ_CHECK(found.empty() || found.back().front() != 'b');  // broken is the last
      found.push_back("itb"[static_cast<int>(item->what)] + item->text);
    }
  };
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    items.push(body.substr(0, piece));
    drain();
  }
  items.end();
  drain();
  return found;
}

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  const unsigned choice = fuzz::take_choice(input);
  const auto form = choice % 2 != 0 ? JsonItems::Form::array : JsonItems::Form::lines;
  const std::size_t piece = 1 + choice / 2 % 32;
  FUZZ_CHECK(items_of(input, form, piece) == items_of(input, form, input.size() + 1));
  return 0;
}
