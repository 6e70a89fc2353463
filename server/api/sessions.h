// /sessions and what is below it.
#pragma once

#include "server/api/api.h"
#include "server/api/route_table.h"

namespace pyexec {

// Each is called with the request's owner known to the exchange. Those that return nullopt have
// streamed their answer.
awaitable<std::optional<Response>> open_session(Api& api, Exchange& exchange);
Response list_sessions(Api& api, const Exchange& exchange);
awaitable<Response> show_session(Api& api, const Exchange& exchange, std::string_view id);
Response end_session(Api& api, const Exchange& exchange, std::string_view id);
awaitable<std::optional<Response>> execute_in_session(Api& api, Exchange& exchange,
                                                      std::string_view id);
awaitable<std::optional<Response>> put_session_file(Api& api, Exchange& exchange, PathParts parts);
awaitable<std::optional<Response>> get_session_file(Api& api, Exchange& exchange, PathParts parts);

}  // namespace pyexec
