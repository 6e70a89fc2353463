// The answer to a message of a queue, which understands a status and nothing else: 2xx takes the
// message out of the queue, any other has it delivered again.
#pragma once

#include "server/deliveries.h"
#include "server/log.h"
#include "server/response.h"
#include "server/service.h"

namespace pyexec {

// Whether results go to the log.
bool tells_log(const Service& service);
// Whether to run the job again could not change what became of it.
bool is_final(const Outcome& outcome, const JobRequest& request);

struct Delivery {
  const QueueMessage& message;
  std::optional<ResultRoom> room;  // where results go to the log
};
// 200, with what became of the job in the body. If results go to the log, a line there has it too.
Response delivered(Service& service, Delivery delivery, const Outcome& outcome,
                   const JobOutput& output, const JobRequest& request);
// 200, of one that was delivered before.
Response delivered_before(const QueueMessage& message, OutcomeKind outcome);

}  // namespace pyexec
