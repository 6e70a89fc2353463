// Jobs whose scripts call functions of their caller's: what becomes of their calls, and
// POST /execute/continue.
//
// The answer to a request has the calls and a token. The request that brings the answers gets the
// next calls, or the outcome. A live answer stays open, and each of its calls has a token of its
// own.
#pragma once

#include "server/api/run_and_answer.h"

namespace pyexec {

// Waits until the job has calls for its caller, or has ended. Returns the answer.
awaitable<Response> attend(Api& api, Exchange& exchange, std::shared_ptr<RunningJob> job);

// Handles POST /execute/continue.
awaitable<std::optional<Response>> continue_job(Api& api, Exchange& exchange,
                                                Access::Running running);

}  // namespace pyexec
