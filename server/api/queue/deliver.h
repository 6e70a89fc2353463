// The answer to a message of a queue, which understands a status and nothing else: 2xx takes the
// message out of the queue, any other has it delivered again.
#pragma once

#include "server/api/queue/deliveries.h"
#include "server/app/service.h"
#include "server/http/response.h"
#include "server/telemetry/log.h"

namespace pyexec {

// Whether results go to the log.
bool tells_log(const Service& service);
// Whether to run the job again could not change what became of it.
bool is_final(const Outcome& outcome, const JobRequest& request);

// The body of an answer with status 200: what became of the job. Pure.
std::string delivery_answer(const QueueMessage& message, const Outcome& outcome,
                            const JobOutput& output, const JobRequest& request);
// The same as a line of the log.
void tell_log(ResultRoom room, const QueueMessage& message, const std::string& answer);
// 200, of one that was delivered before.
Response delivered_before(const QueueMessage& message, OutcomeKind outcome);

}  // namespace pyexec
