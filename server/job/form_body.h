// Requests for a job as people make them by hand: the parts of a form (RFC 7578), or a script
// alone. Each becomes the JSON that says the same. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/job/job_request.h"

namespace pyexec {

enum class BodyKind { json, form, python };

// What a Content-Type says. boundary: of a form's parts.
struct BodyType {
  BodyKind kind = BodyKind::json;
  std::string boundary = {};
};

// Returns nullopt if no request for a job has this type. A form without a boundary has none: its
// text is "", and `as_json` says so.
std::optional<BodyType> body_type(std::string_view content_type);

inline constexpr const char* kBodyTypes =
    "Content-Type must be application/json, multipart/form-data or text/x-python";

// Returns the JSON object, which has yet to be checked as a request. Each part of a form is a
// field: `script`, `code`, `stdin` and other texts are taken as they are, each part `return_files`
// is a pattern, and what any other part holds is JSON. Each part `file` is a file, under its file
// name. source: the field that a script alone is for. The error names the part.
boost::system::result<std::string, BadRequest> as_json(std::string_view body, const BodyType& type,
                                                       std::string_view source,
                                                       std::uint64_t most_levels);

}  // namespace pyexec
