// POST /mcp: the service as a server of the Model Context Protocol. Its tools are run_python, and
// the operator's scripts.
#pragma once

#include <optional>

#include "server/api/api.h"

namespace pyexec {

// Returns nullopt if the answer was streamed.
awaitable<std::optional<Response>> answer_model(Api& api, Exchange& exchange,
                                                const Principal& principal);

}  // namespace pyexec
