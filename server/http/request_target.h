// The target of a request. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// Returns "/path?query" for a target in absolute form, as sent to proxies:
// "http://host/path?query" (RFC 9112, 3.2.2). Returns any other target unchanged.
std::string_view origin_form(std::string_view target);

// Returns the same without the query.
std::string_view path_of(std::string_view target);

// Returns `text` with its %XX decoded, or nullopt if one is malformed.
std::optional<std::string> percent_decoded(std::string_view text);

// Whether `value` is valid in a Host field.
bool is_host(std::string_view value);

}  // namespace pyexec
