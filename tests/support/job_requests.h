// Requests for jobs, as tests write them, and what became of them.
#pragma once

#include <string>
#include <string_view>

#include "server/job/job_request.h"
#include "tests/support/catch.h"

namespace pyexec::test {

inline const JobCaps kCaps = {.script_bytes = 1000,
                              .input_bytes = 2000,
                              .timeout_ms = 30000,
                              .memory_mb = 1024,
                              .output_bytes = 4096,
                              .result_depth = 5,
                              .env_names = "TZ,JOB_*"};

inline boost::system::result<JobRequest, BadRequest> parse(std::string_view body) {
  return parse_job(body, kCaps);
}
inline std::string script_of(std::string_view body) {
  const auto job = parse(body);
  return job ? job->job.script : "refused: " + job.error().message;
}
// The message of a refusal with status 400.
inline std::string refusal(std::string_view body) {
  const auto job = parse(body);
  if (job) return "accepted";
  return job.error().status == 400 ? job.error().message : "not 400: " + job.error().message;
}

// What became of `{"script": "x", <fields>}`.
inline JobRequest accepted(const std::string& fields) {
  const auto job = parse(R"({"script": "x", )" + fields + "}");
  INFO(fields);
  REQUIRE(job.has_value());
  return *job;
}
inline std::string refused(const std::string& fields) {
  return refusal(R"({"script": "x", )" + fields + "}");
}

}  // namespace pyexec::test
