// Extracts from the configuration the settings of each part of the service. Pure.
#pragma once

#include "server/api/api.h"
#include "server/app/drain.h"
#include "server/config/config.h"
#include "server/workers/isolation_advice.h"

namespace pyexec {

Configure worker_configuration(const Config& config);
WantedIsolation wanted_isolation(const Config& config);
EngineLimits engine_limits(const Config& config);
AccessSettings access_settings(const Config& config);
HttpLimits http_limits(const Config& config);
ApiSettings api_settings(const Config& config);
DrainTimes drain_times(const Config& config);

}  // namespace pyexec
