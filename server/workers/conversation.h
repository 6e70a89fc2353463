// What the server and a worker say to each other about a job, over the job socket: the job, then
// the worker's report. The script may have taken the worker's place: every byte of it is bounded
// before it is read.
#pragma once

#include <optional>
#include <string>

#include "server/base/offload.h"
#include "server/job/limits.h"
#include "server/workers/worker_handle.h"
#include "worker/protocol/frame.h"

namespace pyexec {

// How it ended. open: it has not. closed: the worker's end did. unread: the same, before the worker
// had read the job.
enum class Channel { open, reported, closed, unread, too_large, malformed };

struct Conversation {
  Channel channel = Channel::open;
  std::optional<Untrusted<Report>> report = {};  // if `reported`
  std::uint64_t report_bytes = 0;
  std::uint64_t reported_ns = 0;  // CLOCK_MONOTONIC
};

// The job as a frame, and what bounds its report.
struct Assignment {
  std::string job_frame;
  const JobCaps& caps;
  const ReportOptions& options;
};

// Until the worker has reported, or cannot any more. The references must outlive it.
awaitable<Conversation> converse(WorkerHandle& worker, const Assignment& job, Offload& offload);

}  // namespace pyexec
