// What every request for one job goes through, whoever sends it: read, checked, admitted.
#pragma once

#include <boost/system/result.hpp>
#include <string_view>

#include "sandbox/base/phases.h"
#include "server/api/api.h"

namespace pyexec {

// 400, with a hint where there is one.
Response refused(const BadRequest& problem);
// 429, counted.
Response refused(Api& api, Refusal reason, std::string_view why);

// A place for the job and room for its answer; or what to answer instead. `lap` is running.
boost::system::result<Admission::Permit, Response> admit(Api& api, Exchange& exchange,
                                                         sandbox::Lap& lap);

}  // namespace pyexec
