// GET /health, GET /healthz and GET /metrics.
#pragma once

#include "server/api/api.h"

namespace pyexec {

// 200 while the process answers.
Response healthz(const Api& api);
// 200 "healthy" while there is a zygote to make workers, else 503 "unavailable". Includes
// isolation, pool and versions.
Response health(const Api& api);
// All metrics of the service (metrics.h).
Response metrics(Api& api);

}  // namespace pyexec
