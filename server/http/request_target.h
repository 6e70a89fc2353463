// What a request asks for. Pure.
#pragma once

#include <string_view>

namespace pyexec {

// A target as servers get it, "/path?query" or "*", of one that is in absolute form, as proxies get
// it: "http://host/path?query" (RFC 9112, 3.2.2). Another target stays as it is.
std::string_view origin_form(std::string_view target);

// The same, without the query.
std::string_view path_of(std::string_view target);

// Whether it can be the value of a Host field.
bool is_host(std::string_view value);

}  // namespace pyexec
