// GET /tools and POST /tools/NAME: scripts of the operator's as endpoints.
#pragma once

#include "server/api/run_and_answer.h"

namespace pyexec {

Response list_tools(const Api& api);
// Returns nullopt if the answer was streamed (live.h).
awaitable<std::optional<Response>> call_tool(Api& api, Exchange& exchange, std::string_view name,
                                             Access::Running running);

// A job that calls the tool. args: JSON, an object.
JobRequest tool_request(const JobCaps& caps, std::string args);
RunJob run_tool(Api& api, std::string name);

}  // namespace pyexec
