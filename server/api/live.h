// An answer of /execute that is told while the job runs: server-sent events, or lines of JSON.
//
//   stdout, stderr   {"text": "..."}              what was printed, as it comes
//   result | error   {"result": ...}              or {"error": ..., "error_detail": ...}
//   files            {"files": {...}}             if they were asked for
//   end              {"outcome": ..., "usage": ..., "limits": ...}    always, and last
//
// A job is never held up by a client that reads slowly: what it prints is kept, up to the cap that
// every job has, and its worker is free before the last of it is sent.
#pragma once

#include <optional>

#include "server/api/api.h"

namespace pyexec {

enum class LiveFormat { event_stream, json_lines };

// What the Accept header asks for; nothing for an ordinary answer.
std::optional<LiveFormat> live_format(const Exchange::Head& head);

struct LiveRequest {
  JobRequest request;
  LiveFormat format;
  Admission::Permit permit;
};
awaitable<void> execute_live(Api& api, Exchange& exchange, LiveRequest live);

}  // namespace pyexec
