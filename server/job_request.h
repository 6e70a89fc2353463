// Untrusted bytes of a request body to a Job. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "worker/protocol/job.h"

namespace pyexec {

struct JobCaps {
  std::uint64_t script_bytes;
};

struct BadRequest {
  unsigned status;  // 400 or 413
  std::string message;
};

// For boost::system::result, which throws this where a value is taken without a look; nobody does.
[[noreturn]] void throw_exception_from_error(const BadRequest& error,
                                             const boost::source_location&);

// Strict JSON, in UTF-8, of one object: an unknown, repeated or wrongly typed field is named.
boost::system::result<Job, BadRequest> parse_job(std::string_view body, const JobCaps& caps);

// The largest body that can hold a script of the allowed size: each byte may be escaped as \u00XX.
std::uint64_t largest_body_bytes(const JobCaps& caps);

}  // namespace pyexec
