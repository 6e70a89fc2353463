// What a job prints, as it comes: kept up to a cap, for the answer and for who follows it live. On
// the server's thread.
#pragma once

#include <functional>

#include "server/job/output_capture.h"

namespace pyexec {

struct JobOutput {
  explicit JobOutput(std::uint64_t cap_bytes) : standard(cap_bytes), errors(cap_bytes) {}

  // What is said from now on is dropped: other threads may read what there is.
  void seal() {
    standard.seal();
    errors.seal();
  }

  OutputCapture standard, errors;
  std::function<void()> on_more;  // called after either has grown; may be empty
};

}  // namespace pyexec
