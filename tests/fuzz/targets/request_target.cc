// The target of a request line, and the value of Host.
#include "server/http/request_target.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  const std::string_view target = fuzz::text_of(data, size);
  const std::string_view origin = origin_form(target), path = path_of(target);
  FUZZ_CHECK(origin == "/" || target.ends_with(origin));
  FUZZ_CHECK(origin == target || origin.starts_with('/'));
  FUZZ_CHECK(origin.starts_with(path));
  FUZZ_CHECK(path.find('?') == std::string_view::npos);
  if (is_host(target)) FUZZ_CHECK(target.find_first_of("/\r\n @") == std::string_view::npos);
  return 0;
}
