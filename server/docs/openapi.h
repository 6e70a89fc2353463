// What the service takes and gives, as an OpenAPI 3.1 document made of the tables that it works by.
// Pure.
#pragma once

#include <string>

#include "server/job/job_fields.h"

namespace pyexec {

std::string openapi_document(const JobCaps& caps);

}  // namespace pyexec
