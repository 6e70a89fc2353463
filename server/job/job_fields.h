// The fields of a request for a job, as data. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/job/job_caps.h"

namespace pyexec {

// Where a field belongs: to every job, to a job whose caller can answer its calls, to a line of a
// batch, only to the first line of a batch, to a cell of a session, or to a new session. A new
// session and a template have the fields of `is_of_setup` too.
enum class FieldOf { job, caller, batch_line, batch_header, cell, session };

// name, owner; openapi.yaml explains each
#define PYEXEC_JOB_FIELDS(X)   \
  X(script, job)               \
  X(code, job)                 \
  X(call, job)                 \
  X(template, job)             \
  X(args, job)                 \
  X(stdin, job)                \
  X(files, job)                \
  X(env, job)                  \
  X(timeout_ms, job)           \
  X(memory_mb, job)            \
  X(output_bytes, job)         \
  X(verbose, job)              \
  X(nan, job)                  \
  X(dataframe, job)            \
  X(displays, job)             \
  X(return_files, job)         \
  X(tools, caller)             \
  X(tools_style, caller)       \
  X(id, batch_line)            \
  X(defaults, batch_header)    \
  X(progress_ms, batch_header) \
  X(at, cell)                  \
  X(idle_s, session)

struct JobField {
  std::string_view name;
  FieldOf of;
};

inline constexpr JobField kJobFields[] = {
#define X(name, whose) {#name, FieldOf::whose},
    PYEXEC_JOB_FIELDS(X)
#undef X
};

// Returns whether a request for a template takes this field, which is a job's, and one for a
// session, which takes `template` too.
bool is_of_setup(std::string_view field);

// Returns the size of the largest body with a script and input of the allowed sizes. Each byte of
// the script may be escaped as \u00XX. The input, which may be large, is base64 or has few escapes.
std::uint64_t largest_body_bytes(const JobCaps& caps);

}  // namespace pyexec
