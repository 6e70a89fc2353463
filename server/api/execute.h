// POST /execute: the chain from request to response.
#pragma once

#include "server/api/api.h"

namespace pyexec {

// Nothing if the answer was given live (live.h).
awaitable<std::optional<Response>> execute(Api& api, Exchange& exchange);

}  // namespace pyexec
