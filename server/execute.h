// POST /execute: the chain from request to response.
#pragma once

#include <string_view>

#include "server/response.h"
#include "server/service.h"

namespace pyexec {

awaitable<Response> execute(Service& service, std::string_view body, Cancellation& cancellation);

}  // namespace pyexec
