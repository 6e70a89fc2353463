// The page for people at GET /. Pure.
#pragma once

#include <string>

#include "server/job/job_fields.h"

namespace pyexec {

std::string front_page(const JobCaps& caps);

}  // namespace pyexec
