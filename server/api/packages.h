// GET /packages: what scripts can import. A job lists it, as any script finds it.
#pragma once

#include "server/api/run_and_answer.h"

namespace pyexec {

awaitable<std::optional<Response>> list_packages(Api& api, Exchange& exchange);
// Their names without those that everybody knows to be there, the operator's first. None if they
// cannot be listed now.
awaitable<std::vector<std::string>> package_names(Api& api, Exchange& exchange);

}  // namespace pyexec
