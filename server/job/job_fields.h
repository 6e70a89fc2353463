// What a request for a job may say, as data: for the reader of requests, the OpenAPI document and
// docs/api.md. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/job/limits.h"

namespace pyexec {

// Whose field it is: of every job; of a line of a batch; of the first line of a batch alone.
enum class FieldOf { job, batch_line, batch_header };

struct JobField {
  std::string_view name;
  FieldOf of;
  std::string_view shown;                  // its values, for people
  std::string_view schema;                 // as of JSON Schema, without braces
  std::string_view meaning;                // Markdown
  std::uint64_t JobCaps::*most = nullptr;  // of a number
};

std::span<const JobField> job_fields();

// The largest body that can hold a script and input of the allowed sizes: each byte of the script
// may be escaped as \u00XX; of the input, which may be large, as base64 or with few escapes.
std::uint64_t largest_body_bytes(const JobCaps& caps);

}  // namespace pyexec
