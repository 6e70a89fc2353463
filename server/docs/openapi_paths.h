// The paths of the OpenAPI document: of each, what may be sent and every status that it answers.
// Pure.
#pragma once

#include <string>

namespace pyexec {

// JSON text of paths.
std::string openapi_paths();

}  // namespace pyexec
