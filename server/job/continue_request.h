// Parses the untrusted bytes of a caller's answers to the calls of a job. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/job/job_caps.h"
#include "server/job/job_request.h"

namespace pyexec {

struct ContinueRequest {
  std::string token;                // as the answer with the calls named it
  std::vector<ToolAnswer> answers;  // one or more, each to another call
};

boost::system::result<ContinueRequest, BadRequest> parse_continue(std::string_view body,
                                                                  const JobCaps& caps);

}  // namespace pyexec
