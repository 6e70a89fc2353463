// Why a job that has not reported ended.
#pragma once

#include <optional>

#include "server/job/limits.h"
#include "server/job/outcome.h"
#include "server/workers/conversation.h"

namespace pyexec {

struct Ending {
  Channel channel;
  bool cancelled;
  std::optional<int> own_death;  // as of waitpid(2), if the worker ended by itself
};

// Never Channel::reported. The worker's jail is known to be empty.
Outcome outcome_of_ending(const Ending& ending, const WorkerHandle& worker, const JobCaps& caps);

}  // namespace pyexec
