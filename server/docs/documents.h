// openapi.yaml and about.html, filled in, and the files that are served as they are. Pure.
#pragma once

#include <span>
#include <string>

#include "server/api/asset.h"
#include "server/job/job_fields.h"

namespace pyexec {

// Returns the OpenAPI document, as JSON.
std::string openapi_document(const JobCaps& caps);

// Returns the page about the service, with one placeholder left (server/base/fill.h): its address.
std::string front_page(const JobCaps& caps);

// Returns the clients and the playground, for as long as the program runs.
std::span<const Asset> assets();

}  // namespace pyexec
