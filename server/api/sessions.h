// /sessions and what is below it.
#pragma once

#include "server/api/route_table.h"
#include "server/api/run_and_answer.h"
#include "server/job/form_body.h"

namespace pyexec {

// Each is called with the request's owner known to the exchange. Those that return nullopt have
// streamed their answer.
awaitable<std::optional<Response>> open_session(Api& api, Exchange& exchange);
Response list_sessions(Api& api, const Exchange& exchange);
awaitable<Response> show_session(Api& api, const Exchange& exchange, std::string_view id);
Response end_session(Api& api, const Exchange& exchange, std::string_view id);
// The session that a request names in its path, if the request names no other in its head.
boost::system::result<std::shared_ptr<Session>, Response> session_of(Api& api,
                                                                     const Exchange& exchange,
                                                                     std::string_view id);
// Whose sessions those are that this request opens.
SessionOwner owner_of(const Exchange& exchange);

struct SentCell {
  std::string_view session;
  BodyType type;
};
awaitable<std::optional<Response>> execute_in_session(Api& api, Exchange& exchange, SentCell cell,
                                                      Access::Running running);

// Runs cells of this session.
RunJob run_in_session(Api& api, std::shared_ptr<Session> session);

}  // namespace pyexec
