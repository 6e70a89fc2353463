// Who sends a request, and whether it may come in: the steps before its body is read.
#pragma once

#include <boost/system/result.hpp>
#include <optional>

#include "server/api/api.h"
#include "server/job/form_body.h"

namespace pyexec {

// Returns whose request it is, with the exchange as theirs, or the response that refuses it.
boost::system::result<Principal, Response> identify(Api& api, Exchange& exchange);
// The same, and takes the request from the client's rate.
boost::system::result<Principal, Response> recognise(Api& api, Exchange& exchange);
// The same, and returns a place among the jobs that the client may run now.
boost::system::result<Access::Running, Response> let_in(Api& api, Exchange& exchange);
// The second half of `let_in`, for a request of which is not known before whether it runs a job.
boost::system::result<Access::Running, Response> let_run(Api& api, const Principal& principal);

// Returns the limits of the jobs of this request: the service's, or its key's if they are lower.
JobCaps caps_of(const Api& api, const Exchange& exchange);

bool is_json(const Exchange::Head& head);
// Whether the request is from no page, from one of this machine, or one that the operator names. A
// page of another site must not use a service on its reader's own machine.
bool is_of_known_page(const Api& api, const Exchange::Head& head);
// The same, and not from a page of this service either.
bool is_of_foreign_page(const Api& api, const Exchange::Head& head);
// Whether browsers send a POST of this type for any page, and ask the service only if it has
// another (Fetch, "CORS-safelisted request-header").
bool is_sent_unasked(const Exchange::Head& head);
// Returns the type of the body of a request for a job, or the response that refuses it.
boost::system::result<BodyType, Response> type_of_job(const Exchange::Head& head);
// The response for a body that is compressed in an unknown way.
Response unserved_encoding(const Exchange::Head& head);
// Returns the response for a body that is there and is not JSON, or is compressed in such a way.
std::optional<Response> problem_with_body(const Exchange::Head& head);

}  // namespace pyexec
