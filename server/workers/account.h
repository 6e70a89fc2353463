// What the kernel told of a job's end, as its usage. Pure.
#pragma once

#include <optional>

#include "server/job/outcome.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

// own_death: as of waitpid(2), where the worker ended by itself.
void account(const WorkerHandle& worker, std::optional<int> own_death, JobUsage& usage);

}  // namespace pyexec
