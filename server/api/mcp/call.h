// tools/call: from the arguments of a tool to its result.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/api/mcp/rpc.h"
#include "server/api/run_and_answer.h"

namespace pyexec::mcp {

// Each returns nullopt if the answer was streamed.
awaitable<std::optional<Response>> run_python(Api& api, Exchange& exchange, Message message,
                                              Access::Running running);

// Of a script of the operator's, which exists.
awaitable<std::optional<Response>> run_endpoint(Api& api, Exchange& exchange, Message message,
                                                Access::Running running);

}  // namespace pyexec::mcp
