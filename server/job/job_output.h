// What a running job prints, kept up to a cap for the answer and for live readers, and its calls.
// On the server's thread.
#pragma once

#include <functional>
#include <memory>

#include "server/job/output_capture.h"
#include "server/job/pending_calls.h"

namespace pyexec {

struct JobOutput {
  explicit JobOutput(std::uint64_t cap_bytes) : standard(cap_bytes), errors(cap_bytes) {}

  // Drops all output from now on, so that other threads may read what was kept.
  void seal() {
    standard.seal();
    errors.seal();
  }

  OutputCapture standard, errors;
  std::function<void()> on_more;        // called after either has grown; may be empty
  std::shared_ptr<PendingCalls> calls;  // nullptr: the job has no tools
};

}  // namespace pyexec
