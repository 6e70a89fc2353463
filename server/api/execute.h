// POST /execute: the chain from request to response.
#pragma once

#include "server/app/service.h"
#include "server/http/exchange.h"

namespace pyexec {

// Nothing if the answer was given live (live.h).
awaitable<std::optional<Response>> execute(Service& service, Exchange& exchange);

}  // namespace pyexec
