// Turns a worker's report, or its exit status, into an outcome. Pure.
#pragma once

#include <optional>

#include "server/job/job_caps.h"
#include "server/job/outcome.h"
#include "worker/protocol/job.h"

namespace pyexec {

Outcome failed(OutcomeKind kind, std::string error);
Outcome busy(std::string why);  // nothing was run

// Outcomes of exceeded limits; engine.cc adds their values.
Outcome time_exceeded();
Outcome memory_exceeded();

// A report is hostile: it affects this job alone, and every byte is checked. `options` bounds its
// files.
Outcome validate_report(const Untrusted<Report>& report, const ReportOptions& options,
                        const JobCaps& caps);

// Returns the outcome for a worker that ended by itself. wait_status: as from waitpid(2).
Outcome outcome_of_death(int wait_status, const ReportOptions& options);

}  // namespace pyexec
