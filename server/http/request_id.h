// The id of a request in logs and answers.
#pragma once

#include <string>
#include <string_view>

namespace pyexec {

// Returns `sent` if it is 1 to 128 characters of [A-Za-z0-9._~:/+=@-], which need no quotes in a
// header or a log; else 32 random hexadecimal digits.
std::string request_id_for(std::string_view sent);

}  // namespace pyexec
