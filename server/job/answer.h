// The one place where a job's outcome becomes JSON: members of an object. The answer of /execute,
// the lines of a batch and the events of a live answer are made of them. Pure.
#pragma once

#include <string>
#include <vector>

#include "server/job/job_output.h"
#include "server/job/job_request.h"
#include "server/job/outcome.h"
#include "server/json/object_writer.h"

namespace pyexec {

// Adds `result` or `error`, `stdout`, and whatever else the request asked for.
void add_answer(ObjectWriter& members, const Outcome& outcome, const JobOutput& output,
                const JobRequest& request);

// Returns about how many bytes `add_answer` has to encode.
std::uint64_t answer_bytes(const Outcome& outcome, const JobOutput& output);

// Parts of the answer, for callers that send the rest in another way.
// result, or error; a cell's place in its session
void add_result(ObjectWriter& members, const Outcome& outcome);
void add_error_detail(ObjectWriter& members, const Outcome& outcome);
void add_files(ObjectWriter& members, const Outcome& outcome);
// Whether the answer has `displays`.
bool has_displays(const Outcome& outcome, const JobRequest& request);
// stdout, and whether it was cut off; stderr too if the answer is to be verbose
void add_output(ObjectWriter& members, const JobOutput& output, const JobRequest& request);
// The members of one call, and a list of such objects.
void add_call(ObjectWriter& members, const ToolCall& call);
std::string calls_list(const std::vector<ToolCall>& calls);
std::string usage_object(const JobUsage& usage);
std::string limits_object(const JobRequest& request);

}  // namespace pyexec
