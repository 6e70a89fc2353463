// The bodies of /execute that are no JSON.
#include "server/job/form_body.h"

#include "server/json/untrusted_json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  constexpr std::uint64_t kLevels = 5;
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  auto type = body_type(input.substr(0, end));
  if (!type || type->kind == BodyKind::json) type = BodyType{BodyKind::form, "b"};
  const auto json =
      as_json(input.substr(std::min(end + 1, input.size())), *type, "script", kLevels);
  if (json.has_error()) {
    FUZZ_CHECK(json.error().status == 400 && !json.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(reserialise(*json, kLevels + 3).has_value());
  return 0;
}
