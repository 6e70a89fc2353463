// What the lines of a batch have in common. Pure.
#pragma once

#include <set>
#include <string_view>

#include "server/job/job_request.h"

namespace pyexec {

// Gives `request` of `defaults` each field that is not among `said`.
void take_over(const JobRequest& defaults, const std::set<std::string_view>& said,
               JobRequest& request);

}  // namespace pyexec
