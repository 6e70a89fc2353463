// Who sends a request, and whether it may come in: the steps before its body is read.
#pragma once

#include <boost/system/result.hpp>
#include <optional>

#include "server/api/api.h"

namespace pyexec {

// Returns whose request it is, with the exchange as theirs, or the response that refuses it.
boost::system::result<Principal, Response> identify(Api& api, Exchange& exchange);
// The same, and takes the request from the client's rate.
boost::system::result<Principal, Response> recognise(Api& api, Exchange& exchange);
// The same, and returns a place among the jobs that the client may run now.
boost::system::result<Access::Running, Response> let_in(Api& api, Exchange& exchange);

bool is_json(const Exchange::Head& head);
// The response for a body that is compressed in an unknown way.
Response unserved_encoding(const Exchange::Head& head);
// Returns the response for a body that is there and is not JSON, or is compressed in such a way.
std::optional<Response> problem_with_body(const Exchange::Head& head);

}  // namespace pyexec
