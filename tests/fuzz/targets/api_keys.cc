// The operator's file of keys, and what a client presents.
#include "server/auth/api_keys.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  const std::string_view text = fuzz::text_of(data, size);
  const auto keys = ApiKeys::parse(text, "the file");
  if (!keys) {
    FUZZ_CHECK(keys.error().message.find("the file") != std::string::npos);
    return 0;
  }
  FUZZ_CHECK(!keys->all().empty());
  for (const ApiKey& key : keys->all()) {
    FUZZ_CHECK(!key.name.empty());
    if (key.rate)
      FUZZ_CHECK(key.rate->per_second > 0 && key.rate->burst >= 1 &&
                 key.rate->burst <= 1'000'000'000);
  }
  const ApiKey* const found = keys->find(text);
  FUZZ_CHECK(found == nullptr ||
             (found >= keys->all().data() && found < keys->all().data() + keys->all().size()));
  return 0;
}
