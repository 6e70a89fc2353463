// The schemas of the OpenAPI document: what is told in requests and answers, as tables. Pure.
#pragma once

#include <string>

#include "server/job/job_fields.h"

namespace pyexec {

// JSON text of components/schemas.
std::string openapi_schemas(const JobCaps& caps);

}  // namespace pyexec
