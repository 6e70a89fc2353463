// The steps that are common to every request for one job: read, check, admit.
#pragma once

#include <boost/system/result.hpp>
#include <string_view>

#include "sandbox/base/times.h"
#include "server/api/api.h"

namespace pyexec {

// 400, with a hint where there is one.
Response refused(const BadRequest& problem);
// An outcome of what has not run.
Response refused(const Outcome& outcome);
// 429, counted.
Response refused(Api& api, Refusal reason, std::string_view why);

// Returns a place for the job and room for its answer, or the response to send instead. `lap` is
// running.
boost::system::result<Admission::Permit, Response> admit(Api& api, Exchange& exchange,
                                                         sandbox::Lap& lap);

}  // namespace pyexec
