#include "server/job/job_fields.h"

namespace pyexec {
std::uint64_t largest_body_bytes(const JobCaps& caps) {
  constexpr std::uint64_t kRest = 4096;
  return 6 * caps.script_bytes + 2 * caps.input_bytes + kRest;
}

}  // namespace pyexec
