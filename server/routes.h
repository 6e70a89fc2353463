// Which (path, method) is answered by whom.
#pragma once

#include <boost/beast/http.hpp>

#include "server/response.h"
#include "server/service.h"

namespace pyexec {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

awaitable<Response> route(Service& service, const Request& request, Cancellation& cancellation);

// For a request whose body there is no room for now.
Response too_busy(std::string_view target);
// For a request whose body is larger than any script: /execute's answer names its outcome.
Response too_large(const Service& service, std::string_view target);

}  // namespace pyexec
