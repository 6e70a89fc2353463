// POST /queue/pubsub and POST /queue/tasks: a job that a queue delivers. A queue looks only at the
// status: 2xx removes the message from the queue, any other has it delivered again.
#pragma once

#include "server/api/api.h"
#include "server/telemetry/message_source.h"

namespace pyexec {

awaitable<std::optional<Response>> deliver(Api& api, Exchange& exchange, MessageSource source);

}  // namespace pyexec
