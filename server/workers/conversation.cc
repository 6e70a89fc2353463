#include "server/workers/conversation.h"

#include <algorithm>
#include <new>

#include "sandbox/base/times.h"
#include "server/job/input_rules.h"
#include "server/workers/answer_writer.h"
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
  if (job.options.displays_count > 0)
    bytes += job.options.displays_bytes + kDisplayOverheadBytes * (job.options.displays_count + 1);
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

// The script controls the length of what it sends, so the caller has compared that
// with a limit: nothing is allocated before. Returns nullopt if the channel has ended.
awaitable<std::optional<std::string>> read_body(FrameReader& reader, std::uint64_t bytes,
                                                Offload& offload) {
  const auto make = [&] { return std::string(bytes, '\0'); };
  std::string body = co_await offload.run(bytes, make);
  const error_code error = co_await reader.read_body(body);
  if (error) co_return std::nullopt;
  co_return body;
}

awaitable<Channel> take_calls(FrameReader& reader, const FrameHeader& header, const Assignment& job,
                              Offload& offload) {
  constexpr std::uint64_t kMostNameBytes = 256;
  const std::uint64_t most = kCallOverheadBytes + job.caps.call_bytes +
                             kMostCallsAtOnce * (kEntryOverheadBytes + kMostNameBytes);
  if (!job.calls || header.body_bytes > most) co_return Channel::malformed;
  const auto body = co_await read_body(reader, header.body_bytes, offload);
  if (!body) co_return Channel::closed;
  const auto frame = decode_call(*body);
  if (!frame) co_return Channel::malformed;
  const auto validate = [&] { return validate_calls(*frame, job.caps.result_depth); };
  auto calls = co_await offload.run(body->size(), validate);
  const auto& told = frame->unchecked();
  const auto following =
      told.may_follow == 1 ? PendingCalls::Following::soon : PendingCalls::Following::none;
  const bool is_taken = job.calls->add(std::move(calls), told.first, following);
  co_return is_taken ? Channel::open : Channel::malformed;
}

awaitable<Channel> read_report(net::local::stream_protocol::socket& socket, const Assignment& job,
                               Offload& offload, Conversation& out) {
  FrameReader reader(socket);
  auto head = co_await reader.read_head();
  while (!head.error && head.header && head.header->type == FrameType::call) {
    const Channel channel = co_await take_calls(reader, *head.header, job, offload);
    if (channel != Channel::open) co_return channel;
    head = co_await reader.read_head();
  }
  const auto& header = head.header;
  if (head.error) co_return closed_by(head.error);
  if (!header || header->type != FrameType::report) co_return Channel::malformed;
  if (header->body_bytes > largest_report(job)) co_return Channel::too_large;
  out.report_bytes = header->body_bytes;
  const auto body = co_await read_body(reader, out.report_bytes, offload);
  if (!body) co_return Channel::closed;
  out.reported_ns = sandbox::monotonic_ns();
  const auto decode = [&] { return decode_report(*body, job.options); };
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
  if (job.calls) job.calls->close();
  co_return out;
}

awaitable<Conversation> converse(net::local::stream_protocol::socket& socket, const Assignment& job,
                                 Offload& offload) {
  Conversation out;
  out.channel = co_await send_job(socket, job);
  if (out.channel == Channel::open) out = co_await hear_report(socket, job, offload);
  co_return out;
}

void connect_calls(const std::shared_ptr<PendingCalls>& calls,
                   std::shared_ptr<net::local::stream_protocol::socket> socket) {
  if (!calls) return;
  const auto writer = std::make_shared<AnswerWriter>(std::move(socket));
  calls->send = [writer](std::string frame) { writer->send(std::move(frame)); };
  calls->unsent_bytes = [writer] { return writer->bytes(); };
}

awaitable<bool> wait_for_end(Event& ended, Deadline deadline,
                             const std::shared_ptr<PendingCalls>& calls) {
  if (!calls) co_return co_await ended.wait_until(deadline);
  calls->on_turn = [&ended] { ended.nudge(); };
  bool in_time = true;
  while (in_time && !ended.is_set() && !calls->problem()) {
    const Deadline end = calls->is_waiting() ? calls->patience() : deadline + calls->waited();
    co_await ended.wait_until(end);
    if (calls->is_waiting() && Clock::now() >= calls->patience()) calls->lose_patience();
    in_time = ended.is_set() || calls->is_waiting() || Clock::now() < deadline + calls->waited();
  }
  calls->on_turn = nullptr;
  co_return in_time;
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
