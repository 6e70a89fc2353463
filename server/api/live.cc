#include "server/api/live.h"

#include <algorithm>
#include <array>

#include "server/api/live_events.h"
#include "server/base/utf8.h"
#include "server/http/accept.h"
#include "server/http/quality.h"
#include "server/job/answer.h"
#include "server/job/displays.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

struct FormatRow {
  LiveFormat format;
  std::string_view media_type;
};
constexpr FormatRow kFormats[] = {{LiveFormat::event_stream, "text/event-stream"},
                                  {LiveFormat::json_lines, "application/x-ndjson"}};

// `fill` adds the event's own members.
template <typename Fill>
std::string event(LiveFormat format, LiveEvent which, Fill fill) {
  const std::string_view name = kLiveEventNames[static_cast<std::size_t>(which)];
  ObjectWriter members;
  if (format == LiveFormat::json_lines) members.text("event", name);
  fill(members);
  if (format == LiveFormat::json_lines) return members.object() + "\n";
  return "event: " + std::string(name) + "\ndata: " + members.object() + "\n\n";
}

std::string ping(LiveFormat format) {
  return format == LiveFormat::event_stream ? ": ping\n\n" : "{\"event\": \"ping\"}\n";
}

// The part of a job's output that has not been sent to the client.
class UnsentOutput {
 public:
  // Limit of one event. Others have their turn between two events.
  static constexpr std::size_t kMostBytes = 256 << 10;

  UnsentOutput(const OutputCapture& capture, LiveEvent event) : capture_(capture), event_(event) {}

  // Returns the next event's text, or nullopt if there is no more. An incomplete character waits
  // for its rest, except on the last turn.
  enum class Turn { one_of_many, last };
  std::optional<std::string> next(Turn turn) {
    std::string_view rest = capture_.text();
    rest.remove_prefix(std::min(sent_, rest.size()));
    if (rest.size() > kMostBytes) {
      rest = rest.substr(0, kMostBytes);
      turn = Turn::one_of_many;
    }
    if (turn == Turn::one_of_many) rest = without_cut_character(rest);
    sent_ += rest.size();
    if (rest.empty()) return std::nullopt;
    return to_valid_utf8(rest);
  }
  LiveEvent event() const { return event_; }

 private:
  const OutputCapture& capture_;
  LiveEvent event_;
  std::size_t sent_ = 0;
};

class LiveWriter {
 public:
  LiveWriter(Exchange& exchange, LiveFormat format, const JobOutput& output)
      : exchange_(exchange),
        format_(format),
        unsent_{UnsentOutput(output.standard, LiveEvent::standard_output),
                UnsentOutput(output.errors, LiveEvent::standard_error)} {}

  // Each does nothing once the client is gone, except request the job's end.
  awaitable<void> ping() { co_await send(pyexec::ping(format_)); }
  Deadline last_told() const { return last_told_; }
  awaitable<void> output(UnsentOutput::Turn turn) {
    for (bool is_all = false; !is_all;) {
      std::string events;
      for (UnsentOutput& unsent : unsent_)
        if (const auto text = unsent.next(turn))
          events +=
              event(format_, unsent.event(), [&](ObjectWriter& to) { to.text("text", *text); });
      is_all = events.empty() || is_gone_;
      if (!is_all) co_await send(std::move(events));
    }
  }
  // One event each: the size of the arguments is bounded, and others have their turn between two.
  awaitable<void> call(const std::string& token, const ToolCall& call) {
    std::string text = event(format_, LiveEvent::call, [&](ObjectWriter& to) {
      to.text("continue", token);
      add_call(to, call);
    });
    co_await send(std::move(text));
  }
  std::string end(const Outcome& outcome, const JobOutput& output,
                  const JobRequest& request) const {
    const bool is_ok = outcome.kind == OutcomeKind::ok;
    std::string events =
        event(format_, is_ok ? LiveEvent::result : LiveEvent::error, [&](ObjectWriter& to) {
          add_result(to, outcome);
          if (!is_ok) add_error_detail(to, outcome);
        });
    if (has_displays(outcome, request))
      events +=
          event(format_, LiveEvent::displays, [&](ObjectWriter& to) { add_displays(to, outcome); });
    if (!request.job.options.return_files.empty())
      events += event(format_, LiveEvent::files, [&](ObjectWriter& to) { add_files(to, outcome); });
    events += event(format_, LiveEvent::end, [&](ObjectWriter& to) {
      to.text("outcome", outcome_name(outcome.kind));
      to.number("status", outcome_status(outcome.kind));
      if (output.standard.truncated()) to.yes("stdout_truncated");
      if (output.errors.truncated()) to.yes("stderr_truncated");
      to.json("usage", usage_object(outcome.usage));
      to.json("limits", limits_object(request));
    });
    return events;
  }
  // Does nothing once the client is gone, except request the job's end.
  awaitable<void> send(std::string events) {
    if (is_gone_) co_return;
    last_told_ = Clock::now();
    is_gone_ = !co_await exchange_.write(events);
    if (is_gone_) exchange_.cancellation().request(Cancellation::By::client);
  }

 private:
  Exchange& exchange_;
  LiveFormat format_;
  std::array<UnsentOutput, 2> unsent_;
  Deadline last_told_ = Clock::now();
  bool is_gone_ = false;
};

// Output printed within this time is one event: `print` alone writes a text and its end
// separately.
constexpr std::chrono::milliseconds kGather{5};

awaitable<void> gather(RunningJob& job) {
  const Deadline end = Clock::now() + kGather;
  while (!job.outcome && !job.has_calls() && Clock::now() < end) co_await job.news.wait_until(end);
}

// Tells of each call by itself: they can be answered in any order.
awaitable<void> tell_calls(ToolJobs& jobs, const std::shared_ptr<RunningJob>& job,
                           LiveWriter& writer) {
  if (!job->has_calls() || job->outcome) co_return;
  job->places.reset();
  const std::vector<ToolCall> calls = job->calls().announce();
  for (const ToolCall& call : calls) {
    const std::string token = jobs.park(job, {call});
    co_await writer.call(token, call);
  }
}

// Sends output, calls and pings until the job is over.
awaitable<void> follow(Api& api, const std::shared_ptr<RunningJob>& job, LiveWriter& writer) {
  while (!job->outcome) {
    const Deadline next_ping = writer.last_told() + api.settings.ping;
    if (co_await job->news.wait_until(next_ping)) {
      co_await gather(*job);
      co_await writer.output(UnsentOutput::Turn::one_of_many);
      co_await tell_calls(api.engine.tool_jobs, job, writer);
    }
    if (Clock::now() >= writer.last_told() + api.settings.ping) co_await writer.ping();
  }
}

}  // namespace

std::optional<LiveFormat> live_format(const Exchange::Head& head) {
  constexpr std::string_view kTypes[] = {"application/json", kFormats[0].media_type,
                                         kFormats[1].media_type};
  const auto best = best_type(joined(head, http::field::accept), kTypes);
  if (!best || *best == 0) return std::nullopt;
  return kFormats[*best - 1].format;
}

awaitable<void> execute_live(Api& api, Exchange& exchange, LiveRequest live) {
  const std::shared_ptr<RunningJob> job = live.job;
  const JobRequest& wanted = job->request;
  JobOutput& output = *job->output;
  job->caller = RunningJob::Caller::reads_events;
  output.on_more = [weak = std::weak_ptr(job)] {
    if (const auto alive = weak.lock()) alive->news.set();
  };
  const auto tied = end_together(exchange, job);
  run_beside(api, job, live.run);

  LiveWriter writer(exchange, live.format, output);
  Response head = {200, ""};
  head.content_type = kFormats[static_cast<std::size_t>(live.format)].media_type;
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  try {
    if (!co_await exchange.begin(std::move(head)))
      exchange.cancellation().request(Cancellation::By::client);
    co_await follow(api, job, writer);
  } catch (const std::bad_alloc&) {
    exchange.cancellation().request(Cancellation::By::service);
  }
  while (!job->outcome) co_await job->news.wait_until(Deadline::max());
  output.on_more = nullptr;
  api.engine.tool_jobs.end(job);
  api.metrics.count_answer(job->outcome->kind, exchange.record().key,
                           client_of(exchange.cancellation()));
  exchange.record().add_job(*job->outcome);
  const std::uint64_t bytes = answer_bytes(*job->outcome, output);
  exchange.hold_anyway(bytes);
  co_await writer.output(UnsentOutput::Turn::last);
  const auto tell = [&] { return writer.end(*job->outcome, output, wanted); };
  std::string events = co_await api.offload.run(bytes, tell);
  co_await writer.send(std::move(events));
}

}  // namespace pyexec
