// The fields of a request for a job, as data. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/job/limits.h"

namespace pyexec {

// Whose field it is: of every job; of a line of a batch; of the first line of a batch alone.
enum class FieldOf { job, batch_line, batch_header };

// name, whose; openapi.yaml says what each means
#define PYEXEC_JOB_FIELDS(X) \
  X(script, job)             \
  X(args, job)               \
  X(stdin, job)              \
  X(files, job)              \
  X(env, job)                \
  X(timeout_ms, job)         \
  X(memory_mb, job)          \
  X(output_bytes, job)       \
  X(verbose, job)            \
  X(nan, job)                \
  X(return_files, job)       \
  X(id, batch_line)          \
  X(defaults, batch_header)  \
  X(progress_ms, batch_header)

struct JobField {
  std::string_view name;
  FieldOf of;
};

inline constexpr JobField kJobFields[] = {
#define X(name, whose) {#name, FieldOf::whose},
    PYEXEC_JOB_FIELDS(X)
#undef X
};

// The largest body that can hold a script and input of the allowed sizes: each byte of the script
// may be escaped as \u00XX; of the input, which may be large, as base64 or with few escapes.
std::uint64_t largest_body_bytes(const JobCaps& caps);

}  // namespace pyexec
