// Why a job ended without a report.
#pragma once

#include <optional>

#include "server/job/job_caps.h"
#include "server/job/outcome.h"
#include "server/workers/conversation.h"

namespace pyexec {

struct Ending {
  Channel channel;
  bool cancelled;
  std::optional<int> own_death;  // status from waitpid(2), if the worker ended by itself
  bool out_of_memory;            // the kernel killed it or a child of it
  bool jail_broke;               // something else than the job ended it
  const ReportOptions& options;
};

// The channel must not be Channel::reported, and the worker's jail must be known to be empty.
Outcome outcome_of_ending(const Ending& ending, const JobCaps& caps);

// The outcome of a cell for which its state could fork no process.
Outcome not_forked(const sandbox::SetupError& error);

}  // namespace pyexec
