// Names of files and variables, base64 and numbers, each as a field of a request has them.
#include "server/base/base64.h"
#include "server/base/whole_number.h"
#include "server/job/input_rules.h"
#include "tests/fuzz/fuzz.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kMost = 5000;

void try_name(std::string_view text) {
  const std::string plain = plain_path(text);
  FUZZ_CHECK(plain.size() <= text.size());
  FUZZ_CHECK(plain_path(plain) == plain);
  if (!problem_with_name(text)) FUZZ_CHECK(is_relative_path(text) && plain == text);
}

void try_base64(std::string_view text) {
  if (const auto bytes = decode_base64(text)) FUZZ_CHECK(bytes->size() <= text.size() * 3 / 4);
}

void try_number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return;
  const auto limit = parse_limit("timeout_ms", text, kMost);
  if (limit) FUZZ_CHECK(*limit >= 1 && *limit <= kMost);
}

void try_variable(std::string_view text) {
  const std::string_view name = text.substr(0, text.find('\n'));
  const std::string_view value = text.substr(std::min(text.size(), name.size() + 1));
  if (!problem_with_variable(name, value, "TZ,LANG,LC_*,JOB_*"))
    FUZZ_CHECK(name.find_first_of(std::string_view("=\0", 2)) == std::string_view::npos);
  is_allowed_name(name, value);
}

constexpr void (*kParsers[])(std::string_view) = {try_name, try_base64, try_number, try_variable};

}  // namespace
}  // namespace pyexec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string_view input = fuzz::text_of(data, size);
  kParsers[fuzz::take_choice(input) % std::size(kParsers)](input);
  return 0;
}
