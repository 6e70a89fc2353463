// Fills in a job's usage from what the kernel reported at its end. Pure.
#pragma once

#include <optional>

#include "server/job/outcome.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

// own_death: the status from waitpid(2), if the worker ended by itself.
void account(const WorkerHandle& worker, std::optional<int> own_death, JobUsage& usage);

}  // namespace pyexec
