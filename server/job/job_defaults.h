// The defaults for the lines of a batch. Pure.
#pragma once

#include <set>
#include <string_view>

#include "server/job/job_request.h"

namespace pyexec {

// Copies each field that is not in `said` from `defaults` to `request`.
void take_over(const JobRequest& defaults, const std::set<std::string_view>& said,
               JobRequest& request);

}  // namespace pyexec
