// The answer to a message of a queue, which understands a status and nothing else: 2xx takes the
// message out of the queue, any other has it delivered again.
#pragma once

#include "server/deliveries.h"
#include "server/response.h"
#include "server/service.h"

namespace pyexec {

// Whether what becomes of one more message would find room in the log, if it is to go there.
bool can_tell_result(const Service& service);
// Whether to run the job again could change what became of it.
bool is_final(OutcomeKind outcome);

// 200, with what became of the job in the body. If results go to the log, a line there has it too.
Response delivered(Service& service, const QueueMessage& message, const Outcome& outcome,
                   const JobOutput& output, const JobRequest& request);
// 200, of one that was delivered before.
Response delivered_before(const QueueMessage& message, OutcomeKind outcome);

}  // namespace pyexec
