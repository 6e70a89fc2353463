// An answer of /execute that is streamed while the job runs: server-sent events, or lines of JSON.
//
//   stdout, stderr   {"text": "..."}              what was printed, as it comes
//   call             {"continue": ..., "id": ..., "name": ..., "args": ...}    a call of a tool
//   result | error   {"result": ...}              or {"error": ..., "error_detail": ...}
//   files            {"files": {...}}             if they were requested
//   end              {"outcome": ..., "usage": ..., "limits": ...}    always, and last
//
// A slow client never delays a job: output is buffered up to the cap of every job, and the worker
// is free before the last of the output is sent.
#pragma once

#include <optional>

#include "server/api/run_and_answer.h"

namespace pyexec {

enum class LiveFormat { event_stream, json_lines };

// Returns the format that the Accept header asks for, or nullopt for an ordinary answer.
std::optional<LiveFormat> live_format(const Exchange::Head& head);

struct LiveRequest {
  std::shared_ptr<RunningJob> job;  // not yet begun
  LiveFormat format;
  RunJob run;
};
awaitable<void> execute_live(Api& api, Exchange& exchange, LiveRequest live);

}  // namespace pyexec
