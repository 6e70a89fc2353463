// /sessions/{session}/files/{file}: files are moved by jobs that run beside the session's cells.
#pragma once

#include "server/api/route_table.h"
#include "server/api/run_and_answer.h"

namespace pyexec {

// As the handlers of sessions.h.
awaitable<std::optional<Response>> put_session_file(Api& api, Exchange& exchange, PathParts parts);
awaitable<std::optional<Response>> get_session_file(Api& api, Exchange& exchange, PathParts parts);

}  // namespace pyexec
