// Parses the untrusted bytes of a request body into a Job. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/job/job_fields.h"
#include "worker/protocol/job.h"

namespace pyexec {

// verbose: all that is known of the job, not only its result and output.
enum class AnswerDetail { plain, verbose };

struct JobRequest {
  Job job = {};
  std::uint64_t timeout_ms = 0;
  std::uint64_t memory_mb = 0;
  std::uint64_t output_bytes = 0;
  AnswerDetail detail = AnswerDetail::plain;
  // Only for a line of a batch.
  std::string id_json = "null";  // as it was sent
  enum class Line { job, defaults } line = Line::job;
  std::uint64_t progress_ms = 0;         // 0: none
  std::optional<std::uint64_t> at = {};  // only of a cell: the cell on whose state it runs
  std::uint64_t idle_s = 0;              // only of a session
  // Whether the answer has `displays`: as soon as there are some, or in any case.
  enum class Displays { none, if_any, always } displays = Displays::none;
  std::string template_name = {};       // whose state the job, or the session, begins with
  std::string owner = {};               // whose template
  std::vector<std::string> tools = {};  // names of the functions that its caller answers for
};

struct BadRequest {
  unsigned status;  // 400 or 413
  std::string message;
  std::string hint = {};  // what was probably meant, if `message` cannot say it
  // Only for a line of a batch, as far as it could be read.
  std::string id_json = "null";
  JobRequest::Line line = JobRequest::Line::job;
};

// Required by boost::system::result: called if a value is taken unchecked, which never happens.
[[noreturn]] void throw_exception_from_error(const BadRequest& error,
                                             const boost::source_location&);

// Parses one object of strict JSON in UTF-8. The error names an unknown, repeated or wrongly typed
// field.
boost::system::result<JobRequest, BadRequest> parse_job(std::string_view body, const JobCaps& caps);

// Parses a line of a batch in the same way. Missing fields are taken from `defaults`.
boost::system::result<JobRequest, BadRequest> parse_batch_line(std::string_view line,
                                                               const JobCaps& caps,
                                                               const JobRequest& defaults);
// Parses a cell of a session, and a request for a session, in the same way. most_idle_s: also the
// default of `idle_s`.
boost::system::result<JobRequest, BadRequest> parse_cell(std::string_view body,
                                                         const JobCaps& caps);
boost::system::result<JobRequest, BadRequest> parse_session(std::string_view body,
                                                            const JobCaps& caps,
                                                            std::uint64_t most_idle_s);
// Parses a template's set-up in the same way.
boost::system::result<JobRequest, BadRequest> parse_template(std::string_view body,
                                                             const JobCaps& caps);
bool is_template_name(std::string_view text);
// Returns a request with no field set.
JobRequest plain_request(const JobCaps& caps);

}  // namespace pyexec
