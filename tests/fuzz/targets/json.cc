// JSON and UTF-8 of strangers, as they are checked before they are handed on.
#include "server/base/utf8.h"
#include "server/json/json_members.h"
#include "server/json/json_text.h"
#include "server/json/untrusted_json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  constexpr std::uint64_t kDepth = 8;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto once = reserialise(text, kDepth)) {
    const auto twice = reserialise(*once, kDepth);
    FUZZ_CHECK(twice.has_value() && *twice == *once);
    FUZZ_CHECK(to_valid_utf8(*once) == *once);
    const auto members = JsonMembers::of(*once);
    FUZZ_CHECK(members.has_value() == once->starts_with('{'));
    if (members)
      for (const auto& [name, value] : members->all())
        FUZZ_CHECK(reserialise(value, kDepth).has_value());
    for (const std::string_view item : items_of_json(*once))
      FUZZ_CHECK(reserialise(item, kDepth).has_value());
  }
  const std::string valid = to_valid_utf8(text);
  FUZZ_CHECK(to_valid_utf8(valid) == valid);
  FUZZ_CHECK(text.starts_with(without_cut_character(text)));
  std::string quoted;
  append_json_string(quoted, valid);
  FUZZ_CHECK(reserialise(quoted, kDepth).has_value());
  FUZZ_CHECK(text.ends_with(without_byte_order_mark(text)));
  return 0;
}
