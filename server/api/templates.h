// PUT /templates, and what shows and ends them.
#pragma once

#include <optional>
#include <string_view>

#include "server/api/api.h"

namespace pyexec {

awaitable<std::optional<Response>> put_template(Api& api, Exchange& exchange);
Response list_templates(Api& api, const Exchange& exchange);
Response end_template(Api& api, const Exchange& exchange, std::string_view name);

}  // namespace pyexec
