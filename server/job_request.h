// Untrusted bytes of a request body to a Job. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "worker/protocol/job.h"

namespace pyexec {

// What a job gets if it does not ask, and the most that it may ask for.
struct JobCaps {
  std::uint64_t script_bytes;
  std::uint64_t input_bytes;  // of args, stdin, files and env together
  std::uint64_t args_depth;
  std::uint64_t timeout_ms;
  std::uint64_t memory_mb;
  std::uint64_t output_bytes;
  std::string env_names;  // that a job may be given: comma-separated, "X_*" for all that begin so
};

struct JobRequest {
  Job job;
  std::uint64_t timeout_ms;
  std::uint64_t output_bytes;
};

struct BadRequest {
  unsigned status;  // 400 or 413
  std::string message;
};

// For boost::system::result, which throws this where a value is taken without a look; nobody does.
[[noreturn]] void throw_exception_from_error(const BadRequest& error,
                                             const boost::source_location&);

// Strict JSON, in UTF-8, of one object: an unknown, repeated or wrongly typed field is named.
boost::system::result<JobRequest, BadRequest> parse_job(std::string_view body, const JobCaps& caps);

// The largest body that can hold a script and input of the allowed sizes: each byte of the script
// may be escaped as \u00XX; of the input, which may be large, as base64 or with few escapes.
std::uint64_t largest_body_bytes(const JobCaps& caps);

}  // namespace pyexec
