// From what a worker said and how it died to an outcome. Pure.
#pragma once

#include <optional>

#include "server/job/limits.h"
#include "server/job/outcome.h"
#include "worker/protocol/job.h"

namespace pyexec {

Outcome failed(OutcomeKind kind, std::string error);

// Of limits: engine.cc adds which they were.
Outcome time_exceeded();
Outcome memory_exceeded();

// A report is hostile: what it says counts for this job alone, and every byte is checked. `options`
// bounds its files.
Outcome validate_report(const Untrusted<Report>& report, const ReportOptions& options,
                        const JobCaps& caps);

// A worker that ended by itself, with a status as of waitpid(2).
Outcome outcome_of_death(int wait_status);

}  // namespace pyexec
