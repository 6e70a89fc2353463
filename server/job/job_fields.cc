#include "server/job/job_fields.h"

#include <algorithm>
#include <iterator>

namespace pyexec {
std::uint64_t largest_body_bytes(const JobCaps& caps) {
  constexpr std::uint64_t kRest = 4096;
  return 6 * caps.script_bytes + 2 * caps.input_bytes + kRest;
}

bool is_of_setup(std::string_view field) {
  constexpr std::string_view kFields[] = {"code",       "files",     "env",
                                          "timeout_ms", "memory_mb", "verbose"};
  return std::find(std::begin(kFields), std::end(kFields), field) != std::end(kFields);
}

}  // namespace pyexec
