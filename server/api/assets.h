// GET /client/{asset}, /playground/{asset}, and the pages.
#pragma once

#include "server/api/api.h"

namespace pyexec {

// Returns the file, or a 304 if the client has it, or a 404.
Response asset_response(const Api& api, const Exchange& exchange, std::string_view path);
// Returns the playground, or the page about the service where there is none.
Response front_response(const Api& api, const Exchange& exchange);
// Returns the page about the service, with the address that the client used.
Response about_response(const Api& api, const Exchange& exchange);

}  // namespace pyexec
