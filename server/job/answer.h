// The one place where the end of a job becomes JSON: members of an object, which the answer of
// /execute, a line of a batch and the events of a live answer are made of. Pure.
#pragma once

#include <string>

#include "server/job/job_output.h"
#include "server/job/job_request.h"
#include "server/job/outcome.h"
#include "server/json/object_writer.h"

namespace pyexec {

// `result` or `error`, `stdout`, and what the request asked for beside.
void add_answer(ObjectWriter& members, const Outcome& outcome, const JobOutput& output,
                const JobRequest& request);

// About how much of it there is to encode.
std::uint64_t answer_bytes(const Outcome& outcome, const JobOutput& output);

// Of them, for those who tell the rest in another way.
void add_result(ObjectWriter& members, const Outcome& outcome);  // result, or error
void add_error_detail(ObjectWriter& members, const Outcome& outcome);
void add_files(ObjectWriter& members, const Outcome& outcome);
std::string usage_object(const JobUsage& usage);
std::string limits_object(const JobRequest& request);

}  // namespace pyexec
