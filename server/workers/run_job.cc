#include "server/workers/run_job.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "sandbox/base/phases.h"
#include "server/job/input_rules.h"
#include "server/job/validate_report.h"
#include "server/workers/account.h"
#include "server/workers/launcher.h"
#include "server/workers/output_pipe.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

using Wait = net::posix::stream_descriptor;

constexpr std::chrono::seconds kLastWords{1};

enum class Channel { open, reported, closed, unread, too_large, malformed };

// Shared by the coroutines of one job. Those that drain the output may outlive `run_job`.
struct Run {
  Run(net::any_io_executor executor, Pool::Lease taken, const JobRun& what,
      Metrics& service_metrics)
      : metrics(service_metrics),
        lease(std::move(taken)),
        worker(lease.worker()),
        caps(what.caps),
        options(what.job.options),
        output(what.output),
        offload(what.offload),
        ended(executor),
        channel_done(executor),
        output_done(executor) {}

  void observe(RequestPhase phase, std::uint64_t ns) {
    metrics.observe(phase, ns);
    phases[phase] = ns;
  }

  Metrics& metrics;
  PhaseTimes phases;
  const std::uint64_t taken_ns = sandbox::monotonic_ns();
  std::uint64_t reported_ns = 0;
  Pool::Lease lease;
  WorkerHandle& worker;
  const RunCaps caps;
  const ReportOptions options;
  Channel channel = Channel::open;
  std::optional<Untrusted<Report>> report;
  std::uint64_t report_bytes = 0;
  std::shared_ptr<JobOutput> output;
  Offload& offload;
  int pipes_open = 2;
  Event ended;  // the job is over, in whichever way came first
  Event channel_done;
  Event output_done;
};

// The most that a report's body can have, if it keeps to what it was asked for.
std::uint64_t largest_report(const Run& run) {
  std::uint64_t bytes = std::max(run.caps.result_bytes, kErrorBytes + 64) + kReportOverheadBytes;
  if (run.options.error_detail == 1) bytes += kDetailBytes;
  if (!run.options.return_files.empty())
    bytes += run.options.files_bytes +
             run.options.files_count * (kEntryOverheadBytes + kReturnedNameBytes);
  return bytes;
}

// The sum is bounded before it is read; a text must not take the room of the files.
bool keeps_to_its_parts(const Report& report) {
  std::uint64_t detail_bytes = 0;
  for (const NamedBytes& entry : report.detail)
    detail_bytes += entry.name.size() + entry.bytes.size();
  const bool is_value = report.kind == ReportKind::value;
  return detail_bytes <= kDetailBytes && (is_value || report.text.size() <= kErrorBytes + 64);
}

// A worker that is gone with bytes that it has not read resets its socket: it had not begun.
Channel closed_by(error_code error) {
  const bool unread = error == net::error::connection_reset || error == net::error::broken_pipe;
  return unread ? Channel::unread : Channel::closed;
}

awaitable<Channel> exchange_frames(Run& run, const std::string& job_frame) {
  auto& socket = run.worker.job_socket();
  const auto [send_error, sent] =
      co_await net::async_write(socket, net::buffer(job_frame), kAsTuple);
  if (send_error) co_return closed_by(send_error);

  std::array<std::byte, kFrameHeaderBytes> bytes;
  const auto [header_error, header_size] =
      co_await net::async_read(socket, net::buffer(bytes), kAsTuple);
  if (header_error) co_return closed_by(header_error);
  const auto header = decode_header(bytes);
  if (!header || header->type != FrameType::report) co_return Channel::malformed;
  // The length is the script's word: compared before anything is allocated.
  if (header->body_bytes > largest_report(run)) co_return Channel::too_large;
  run.report_bytes = header->body_bytes;
  const auto make = [&] { return std::string(run.report_bytes, '\0'); };
  std::string body = co_await run.offload.run(run.report_bytes, make);
  const auto [body_error, body_size] =
      co_await net::async_read(socket, net::buffer(body), kAsTuple);
  if (body_error) co_return Channel::closed;
  run.reported_ns = sandbox::monotonic_ns();
  const auto decode = [&] { return decode_report(body, run.options.files_count); };
  run.report = co_await run.offload.run(run.report_bytes, decode);
  if (run.report && !keeps_to_its_parts(run.report->unchecked())) run.report.reset();
  co_return run.report ? Channel::reported : Channel::malformed;
}

awaitable<void> talk(std::shared_ptr<Run> run, std::string job_frame) {
  try {
    run->channel = co_await exchange_frames(*run, job_frame);
  } catch (
      const std::bad_alloc&) {  // of the script's result; everything else here is an error code
    run->channel = Channel::too_large;
  }
  run->channel_done.set();
  // A closed channel alone decides nothing: the worker's death, which explains it, is reported
  // next.
  if (run->channel != Channel::closed && run->channel != Channel::unread) run->ended.set();
}

void take_all_output(Run& run) {
  take_all(run.worker.output(), run.output->standard, run.output->on_more);
  take_all(run.worker.errors(), run.output->errors, run.output->on_more);
}

// Until the pipe ends or is closed.
awaitable<void> drain(std::shared_ptr<Run> run, Wait& pipe, OutputCapture& capture) {
  try {
    co_await take_until_end(pipe, capture, run->output->on_more);
  } catch (const std::bad_alloc&) {  // what was kept counts; the job's end waits for this
  }
  if (--run->pipes_open == 0) run->output_done.set();
}

// Lets go of what the job could talk through. Not left to end of file: descriptors that the job
// sent over its own socket, and that nobody received, keep both open for as long as that socket.
void close_channels(Run& run) {
  error_code ignored;
  run.worker.output().close(ignored);
  run.worker.errors().close(ignored);
  run.worker.job_socket().close(ignored);
}

// After the answer: holds the lease until the jail is empty.
awaitable<void> reap_in_background(std::shared_ptr<Run> run) {
  sandbox::Lap lap;
  co_await run->worker.await_empty();
  run->metrics.observe(RequestPhase::reap, lap.ns());
  close_channels(*run);
}

// Whether no process of the job can go on, and `run` holds all it ever said. Of one that has
// reported and whose use is not asked for, this does not wait until its worker, alone and stopped,
// is killed and taken apart.
awaitable<bool> finish(std::shared_ptr<Run> run, Accounting accounting) {
  bool dead = co_await run->worker.kill_job();
  if (dead && run->channel == Channel::reported && accounting == Accounting::quick) {
    take_all_output(*run);
    net::co_spawn(co_await net::this_coro::executor, reap_in_background(run), net::detached);
    co_return true;
  }
  dead = dead && co_await run->worker.await_empty();
  if (dead && accounting == Accounting::complete)
    co_await run->worker.gone().wait_until(Clock::now() + kLastWords);
  // All that was said is in the kernel's buffers: a report that the worker sent before it died is
  // complete, so that reading it does not wait for anybody.
  if (dead) {
    take_all_output(*run);
    co_await run->channel_done.wait_until(Clock::now() + kLastWords);
  }
  close_channels(*run);
  co_await run->channel_done.wait();
  co_await run->output_done.wait();
  co_return dead;
}

// A worker's own times count as far as they can be true.
void observe_run(Run& run, std::uint64_t ended_ns) {
  if (!run.report) {
    run.observe(RequestPhase::run, ended_ns - run.taken_ns);
    return;
  }
  const RunTimes& told = run.report->unchecked().times;
  const std::uint64_t began = std::clamp(told.began_ns, run.taken_ns, run.reported_ns);
  const std::uint64_t ended = std::clamp(told.ended_ns, began, run.reported_ns);
  run.observe(RequestPhase::hand_off, began - run.taken_ns);
  run.observe(RequestPhase::run, ended - began);
  run.observe(RequestPhase::report, run.reported_ns - ended);
}

// Of a job that has not reported.
Outcome judge(const Run& run, const Cancellation& cancellation, std::optional<int> own_death) {
  switch (run.channel) {
    case Channel::too_large:
      return failed(
          OutcomeKind::output_limit,
          "result is more than the limit of " + std::to_string(run.caps.result_bytes) + " bytes");
    case Channel::malformed:
      return failed(OutcomeKind::not_serializable, "the worker's report is malformed");
    case Channel::reported:
    case Channel::open:
    case Channel::closed:
    case Channel::unread:
      break;
  }
  if (cancellation.requested()) return failed(OutcomeKind::internal, "the job was cancelled");
  if (own_death && run.worker.out_of_memory()) return memory_exceeded();
  if (run.channel == Channel::unread || run.worker.jail_broke()) {
    Outcome lost = failed(OutcomeKind::internal, "the worker was lost");
    lost.was_read = run.channel != Channel::unread;
    return lost;
  }
  if (own_death) return judge_death(*own_death);
  return failed(OutcomeKind::internal, "the worker was lost");
}

}  // namespace

awaitable<Outcome> run_job(Pool::Lease lease, JobRun what, Cancellation& cancellation,
                           Metrics& metrics) {
  const auto executor = co_await net::this_coro::executor;
  const auto run = std::make_shared<Run>(executor, std::move(lease), what, metrics);
  WorkerHandle& worker = run->worker;
  worker.output().native_non_blocking(true);
  worker.errors().native_non_blocking(true);
  const auto encode = [&] { return encode_job(what.job); };
  std::string job_frame = co_await what.offload.run(what.job.bytes(), encode);
  net::co_spawn(executor, talk(run, std::move(job_frame)), net::detached);
  net::co_spawn(executor, drain(run, worker.output(), run->output->standard), net::detached);
  net::co_spawn(executor, drain(run, worker.errors(), run->output->errors), net::detached);
  if (worker.gone().is_set()) run->ended.set();
  worker.on_gone = [weak = std::weak_ptr(run)] {
    if (const auto alive = weak.lock()) alive->ended.set();
  };
  cancellation.listen([run] { run->ended.set(); });

  const bool in_time = co_await run->ended.wait_until(what.deadline);
  cancellation.listen(nullptr);
  // What the worker did by itself, as opposed to what `finish` does to it.
  const auto own_death = worker.wait_status();
  const std::uint64_t ended_ns = sandbox::monotonic_ns();
  // A pool that waits for children which the kernel has killed for memory runs out of time.
  const bool dead = co_await finish(run, in_time ? what.accounting : Accounting::complete);
  run->observe(RequestPhase::kill, sandbox::monotonic_ns() - ended_ns);
  observe_run(*run, ended_ns);  // only now is it known whether there is a report

  const auto judge_it = [&] { return validate_report(*run->report, run->options, run->caps); };
  Outcome outcome;
  if (!dead)
    outcome = failed(OutcomeKind::internal, "the job's processes could not be ended");
  else if (!in_time)
    outcome = worker.out_of_memory() ? memory_exceeded() : time_exceeded();
  else if (run->channel == Channel::reported)
    outcome = co_await run->offload.run(run->report_bytes, judge_it);
  else
    outcome = judge(*run, cancellation, own_death);
  outcome.phases = run->phases;
  outcome.usage.run_ns = ended_ns - run->taken_ns;
  // A worker that has reported is killed, sooner or later than we look.
  const bool has_reported = run->channel == Channel::reported;
  account(worker, has_reported ? std::nullopt : own_death, outcome.usage);
  co_return outcome;
}

}  // namespace pyexec
