// Small limits for requests.
#pragma once

#include "server/job/job_caps.h"

namespace pyexec::test {

inline JobCaps small_caps() {
  JobCaps caps = {};
  caps.script_bytes = 100;
  caps.input_bytes = 1000;
  caps.timeout_ms = caps.memory_mb = caps.output_bytes = 1000;
  caps.result_depth = 100;
  return caps;
}

}  // namespace pyexec::test
