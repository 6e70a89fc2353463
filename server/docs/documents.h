// openapi.yaml and index.html, filled in. Pure.
#pragma once

#include <string>

#include "server/job/job_fields.h"

namespace pyexec {

// Returns the OpenAPI document, as JSON.
std::string openapi_document(const JobCaps& caps);

// Returns the page for people, with one placeholder left (server/base/fill.h): the address of the
// service.
std::string front_page(const JobCaps& caps);

}  // namespace pyexec
