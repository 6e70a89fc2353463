// What a model gets of a job: the result of tools/call. Pure.
#pragma once

#include <string>

#include "server/api/mcp/rpc.h"
#include "server/job/job_output.h"
#include "server/job/outcome.h"
#include "server/json/object_writer.h"

namespace pyexec::mcp {

// Members that every result of this era has are added by both.
// session: its handle, or "".
std::string job_result(const Message& message, const Outcome& outcome, const JobOutput& output,
                       const std::string& session);
// The arguments cannot be used, or there was no job: told as a result, so that a model can mend it.
std::string failed_result(const Message& message, const std::string& why);
// Adds what each result of the stateless era has, and ends the object.
std::string finished(const Message& message, ObjectWriter members);

}  // namespace pyexec::mcp
