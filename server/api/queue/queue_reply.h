// POST /queue/pubsub and POST /queue/tasks: a job that a queue delivers. A queue looks only at the
// status: 2xx removes the message from the queue, any other has it delivered again.
#pragma once

#include "server/api/api.h"
#include "server/telemetry/message_source.h"

namespace pyexec {

awaitable<std::optional<Response>> deliver(Api& api, Exchange& exchange, MessageSource source);

// Returns the path for this queue's messages, or nullptr if no queue sent the request. A queue
// that still delivers here would run each message as a plain job: again after every answer that
// is not 2xx, and twice if it is delivered twice.
const char* queue_path_of(const Exchange::Head& head);

}  // namespace pyexec
