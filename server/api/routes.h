// Which (path, method) is answered by whom.
#pragma once

#include <span>

#include "server/app/service.h"
#include "server/http/exchange.h"

namespace pyexec {

// Nothing if the handler has answered itself, piece by piece, or nobody is there any more.
awaitable<std::optional<Response>> route(Service& service, Exchange& exchange);

// For a request whose body there is no room for now.
Response too_busy(Service& service, std::string_view target);
// For a request whose body is larger than any script: /execute's answer names its outcome.
Response too_large(const Service& service, std::string_view target);

}  // namespace pyexec
