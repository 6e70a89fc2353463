// GET /health, GET /healthz and GET /metrics.
#pragma once

#include "server/app/service.h"
#include "server/http/response.h"

namespace pyexec {

// 200 while the process answers.
Response healthz(const Service& service);
// 200 "healthy" while there is a zygote to make workers, else 503 "unavailable"; isolation, pool,
// versions.
Response health(const Service& service);
// What the service has counted and timed (metrics.h).
Response metrics(Service& service);

}  // namespace pyexec
