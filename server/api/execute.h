// POST /execute: from request to response.
#pragma once

#include "server/api/api.h"
#include "server/job/form_body.h"

namespace pyexec {

// Returns nullopt if the answer was streamed (live.h).
awaitable<std::optional<Response>> execute(Api& api, Exchange& exchange, BodyType type,
                                           Access::Running running);

}  // namespace pyexec
