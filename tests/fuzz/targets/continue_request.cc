// The body of /execute/continue.
#include "server/job/continue_request.h"

#include <set>

#include "server/json/untrusted_json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  JobCaps caps = {};
  caps.call_bytes = 1000;
  caps.result_depth = 10;
  const auto request = parse_continue(fuzz::text_of(data, size), caps);
  if (request.has_error()) {
    FUZZ_CHECK(request.error().status == 400 || request.error().status == 413);
    FUZZ_CHECK(!request.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(!request->answers.empty() && request->answers.size() <= kMostCallsAtOnce);
  std::set<std::uint64_t> numbers;
  for (const ToolAnswer& answer : request->answers) {
    FUZZ_CHECK(numbers.insert(answer.number).second);
    if (answer.is_error == 0) FUZZ_CHECK(reserialise(answer.text, caps.result_depth).has_value());
  }
  return 0;
}
