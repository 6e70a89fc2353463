#include "server/workers/conversation.h"

#include <algorithm>
#include <new>

#include "sandbox/base/times.h"
#include "server/job/input_rules.h"
#include "server/workers/frame_reader.h"

namespace pyexec {
namespace {

// Maximum body size of a report that contains only what the job asked for.
std::uint64_t largest_report(const Assignment& job) {
  std::uint64_t bytes = std::max(job.caps.result_bytes, kErrorBytes + 64) + kReportOverheadBytes;
  if (job.options.error_detail == 1 || job.options.is_cell == 1) bytes += kDetailBytes;
  if (!job.options.return_files.empty())
    bytes += job.options.files_bytes +
             job.options.files_count * (kEntryOverheadBytes + kReturnedNameBytes);
  return bytes;
}

// Whether each part is within its own limit: a text must not take the room of the files. The
// total is bounded before it is read.
bool keeps_to_its_parts(const Report& report) {
  std::uint64_t detail_bytes = 0;
  for (const NamedBytes& entry : report.detail)
    detail_bytes += entry.name.size() + entry.bytes.size();
  const bool is_value = report.kind == ReportKind::value;
  return detail_bytes <= kDetailBytes && (is_value || report.text.size() <= kErrorBytes + 64);
}

// A worker that ends with unread bytes resets its socket: the job had not begun.
Channel closed_by(error_code error) {
  const bool unread = error == net::error::connection_reset || error == net::error::broken_pipe;
  return unread ? Channel::unread : Channel::closed;
}

awaitable<Channel> read_report(net::local::stream_protocol::socket& socket, const Assignment& job,
                               Offload& offload, Conversation& out) {
  FrameReader reader(socket);
  const auto [header_error, header] = co_await reader.read_head();
  if (header_error) co_return closed_by(header_error);
  if (!header || header->type != FrameType::report) co_return Channel::malformed;
  // The script controls the length, so it is checked before anything is allocated.
  if (header->body_bytes > largest_report(job)) co_return Channel::too_large;
  out.report_bytes = header->body_bytes;
  const auto make = [&] { return std::string(out.report_bytes, '\0'); };
  std::string body = co_await offload.run(out.report_bytes, make);
  const error_code body_error = co_await reader.read_body(body);
  if (body_error) co_return Channel::closed;
  out.reported_ns = sandbox::monotonic_ns();
  const auto decode = [&] { return decode_report(body, job.options.files_count); };
  out.report = co_await offload.run(out.report_bytes, decode);
  if (out.report && !keeps_to_its_parts(out.report->unchecked())) out.report.reset();
  co_return out.report ? Channel::reported : Channel::malformed;
}

}  // namespace

awaitable<Channel> send_job(net::local::stream_protocol::socket& socket, const Assignment& job) {
  const auto [error, sent] =
      co_await net::async_write(socket, net::buffer(job.job_frame), kAsTuple);
  co_return error ? closed_by(error) : Channel::open;
}

awaitable<Conversation> hear_report(net::local::stream_protocol::socket& socket,
                                    const Assignment& job, Offload& offload) {
  Conversation out;
  try {
    out.channel = co_await read_report(socket, job, offload, out);
  } catch (const std::bad_alloc&) {  // for the script's result; all other failures are error codes
    out.channel = Channel::too_large;
  }
  co_return out;
}

awaitable<Conversation> converse(net::local::stream_protocol::socket& socket, const Assignment& job,
                                 Offload& offload) {
  Conversation out;
  out.channel = co_await send_job(socket, job);
  if (out.channel == Channel::open) out = co_await hear_report(socket, job, offload);
  co_return out;
}

bool leaves_state(const Conversation& talk) {
  if (talk.channel != Channel::reported) return false;
  switch (talk.report->unchecked().kind) {
    case ReportKind::value:
    case ReportKind::exception:
    case ReportKind::not_serializable:
    case ReportKind::output_limit:
    case ReportKind::invalid_arguments:
      return true;
    case ReportKind::invalid_script:  // nothing has run
    case ReportKind::memory_limit:
    case ReportKind::exited:
      return false;
  }
  return false;
}

}  // namespace pyexec
