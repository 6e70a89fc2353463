// The exchange between the server and a worker over the job socket: the job, the calls of its
// tools, then the worker's report. The script may have taken over the worker, so every byte of what
// it sends is bounded before it is read.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/base/asio.h"
#include "server/base/event.h"
#include "server/base/offload.h"
#include "server/job/job_caps.h"
#include "server/job/pending_calls.h"
#include "worker/protocol/frame.h"

namespace pyexec {

// How the conversation ended. open: not yet. closed: the worker's end closed. unread: it closed
// before the worker had read the job.
enum class Channel { open, reported, closed, unread, too_large, malformed };

struct Conversation {
  Channel channel = Channel::open;
  std::optional<Untrusted<Report>> report = {};  // if `reported`
  std::uint64_t report_bytes = 0;
  std::uint64_t reported_ns = 0;  // CLOCK_MONOTONIC
};

// The job as a frame, and the bounds on its report.
struct Assignment {
  std::string job_frame;
  const JobCaps& caps;
  const ReportOptions& options;
  std::shared_ptr<PendingCalls> calls = {};  // nullptr: the job has no tools
};

// The job's frame as bytes on their way. Returns how that ended: `open` if all were sent.
awaitable<Channel> send_job(net::local::stream_protocol::socket& socket, const Assignment& job);
// Returns once the worker, which is sent the job, has reported, or can no longer report. The
// references must outlive it.
awaitable<Conversation> hear_report(net::local::stream_protocol::socket& socket,
                                    const Assignment& job, Offload& offload);
// Both.
awaitable<Conversation> converse(net::local::stream_protocol::socket& socket, const Assignment& job,
                                 Offload& offload);

// Lets the answers to the job's calls go to this socket, if it has tools.
void connect_calls(const std::shared_ptr<PendingCalls>& calls,
                   std::shared_ptr<net::local::stream_protocol::socket> socket);
// Waits until `ended`. Returns false if the job has run until `deadline` before: the time in which
// it waits for its caller does not count.
awaitable<bool> wait_for_end(Event& ended, Deadline deadline,
                             const std::shared_ptr<PendingCalls>& calls);

// Whether the process of a cell that ended so can be gone on from.
bool leaves_state(const Conversation& talk);

}  // namespace pyexec
