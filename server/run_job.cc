#include "server/run_job.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>

#include "sandbox/base/phases.h"
#include "server/log.h"
#include "server/output_capture.h"
#include "server/untrusted_json.h"
#include "server/zygote_client.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

using Wait = net::posix::stream_descriptor;

constexpr std::chrono::seconds kLastWords{1};

enum class Channel { open, reported, closed, too_large, malformed };

// Shared by the coroutines of one job. The one that drains the output may outlive `run_job`.
struct Run {
  Run(net::any_io_executor executor, Pool::Lease taken, const RunCaps& run_caps,
      Metrics& service_metrics)
      : metrics(service_metrics),
        lease(std::move(taken)),
        worker(lease.worker()),
        caps(run_caps),
        output(run_caps.stdout_bytes),
        ended(executor),
        channel_done(executor),
        output_done(executor) {}

  Metrics& metrics;
  const std::uint64_t taken_ns = sandbox::monotonic_ns();
  std::uint64_t reported_ns = 0;
  Pool::Lease lease;
  WorkerHandle& worker;
  RunCaps caps;
  Channel channel = Channel::open;
  std::optional<Untrusted<Report>> report;
  OutputCapture output;
  Event ended;  // the job is over, in whichever way came first
  Event channel_done;
  Event output_done;
};

awaitable<Channel> exchange_frames(Run& run, const std::string& job_frame) {
  auto& socket = run.worker.job_socket();
  const auto [send_error, sent] =
      co_await net::async_write(socket, net::buffer(job_frame), kAsTuple);
  if (send_error) co_return Channel::closed;

  std::array<std::byte, kFrameHeaderBytes> bytes;
  const auto [header_error, header_size] =
      co_await net::async_read(socket, net::buffer(bytes), kAsTuple);
  if (header_error) co_return Channel::closed;
  const auto header = decode_header(bytes);
  if (!header || header->type != FrameType::report) co_return Channel::malformed;
  // The length is the script's word: compared before anything is allocated.
  if (header->body_bytes > std::max(run.caps.result_bytes, kErrorBytes + 64) + kReportOverheadBytes)
    co_return Channel::too_large;
  std::string body(header->body_bytes, '\0');
  const auto [body_error, body_size] =
      co_await net::async_read(socket, net::buffer(body), kAsTuple);
  if (body_error) co_return Channel::closed;
  run.reported_ns = sandbox::monotonic_ns();
  run.report = decode_report(body);
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
  if (run->channel != Channel::closed) run->ended.set();
}

// Takes what the pipe holds now, at most `kTurnBytes`. What exceeds the cap is dropped, not
// refused, so that a flood neither blocks the script nor grows the server.
enum class PipeState { open, ended };
PipeState take_output(Run& run) {
  constexpr std::size_t kTurnBytes = 1 << 20;
  static char buffer[64 << 10];  // one thread, and no suspension between reading and appending
  for (std::size_t taken = 0; taken < kTurnBytes;) {
    const ssize_t got = ::read(run.worker.output().native_handle(), buffer, sizeof buffer);
    if (got == 0) return PipeState::ended;
    if (got == -1) return errno == EAGAIN || errno == EINTR ? PipeState::open : PipeState::ended;
    run.output.append({buffer, static_cast<std::size_t>(got)});
    taken += static_cast<std::size_t>(got);
  }
  return PipeState::open;
}

// Until the pipe ends or is closed.
awaitable<void> drain(std::shared_ptr<Run> run) {
  auto& pipe = run->worker.output();
  for (PipeState state = PipeState::open; state == PipeState::open;) {
    const auto [error] = co_await pipe.async_wait(Wait::wait_read, kAsTuple);
    try {
      state = error ? PipeState::ended : take_output(*run);
    } catch (const std::bad_alloc&) {
      state = PipeState::ended;
    }
  }
  run->output_done.set();
}

// Lets go of what the job could talk through. Not left to end of file: descriptors that the job
// sent over its own socket, and that nobody received, keep both open for as long as that socket.
void close_channels(Run& run) {
  error_code ignored;
  run.worker.output().close(ignored);
  run.worker.job_socket().close(ignored);
}

// After the answer: holds the lease until the jail is empty.
awaitable<void> bury(std::shared_ptr<Run> run) {
  sandbox::Lap lap;
  co_await run->worker.await_empty();
  run->metrics.observe(RequestPhase::reap, lap.ns());
  close_channels(*run);
}

// Whether no process of the job can go on, and `run` holds all it ever said. For one that has
// reported this does not wait until its worker, alone and stopped, is killed and taken apart.
awaitable<bool> finish(std::shared_ptr<Run> run) {
  bool dead = co_await run->worker.kill_job();
  if (dead && run->channel == Channel::reported) {
    take_output(*run);
    net::co_spawn(co_await net::this_coro::executor, bury(run), net::detached);
    co_return true;
  }
  dead = dead && co_await run->worker.await_empty();
  // All that was said is in the kernel's buffers: a report that the worker sent before it died is
  // complete, so that reading it does not wait for anybody.
  if (dead) {
    take_output(*run);
    co_await run->channel_done.wait_until(Clock::now() + kLastWords);
  }
  close_channels(*run);
  co_await run->channel_done.wait();
  co_await run->output_done.wait();
  co_return dead;
}

// A worker's own times count as far as they can be true.
void observe_run(const Run& run, std::uint64_t ended_ns) {
  if (!run.report) {
    run.metrics.observe(RequestPhase::run, ended_ns - run.taken_ns);
    return;
  }
  const RunTimes& told = run.report->unchecked().times;
  const std::uint64_t began = std::clamp(told.began_ns, run.taken_ns, run.reported_ns);
  const std::uint64_t ended = std::clamp(told.ended_ns, began, run.reported_ns);
  run.metrics.observe(RequestPhase::hand_off, began - run.taken_ns);
  run.metrics.observe(RequestPhase::run, ended - began);
  run.metrics.observe(RequestPhase::report, run.reported_ns - ended);
}

Outcome failed(OutcomeKind kind, std::string error) {
  return {.kind = kind, .error = std::move(error)};
}

Outcome judge_value(const std::string& json, const RunCaps& caps) {
  if (json.size() > caps.result_bytes)
    return failed(OutcomeKind::output_limit, "result is more than the limit of " +
                                                 std::to_string(caps.result_bytes) + " bytes");
  auto checked = reserialise(json, caps.result_depth);
  if (!checked) return failed(OutcomeKind::not_serializable, checked.error().message);
  return {.kind = OutcomeKind::ok, .result_json = std::move(*checked)};
}

Outcome judge_report(const Untrusted<Report>& untrusted, const RunCaps& caps) {
  const Report& report = untrusted.unchecked();
  switch (report.kind) {
    case ReportKind::value:
      return judge_value(report.text, caps);
    case ReportKind::invalid_script:
      return failed(OutcomeKind::invalid_script, to_valid_utf8(report.text));
    case ReportKind::exception:
      return failed(OutcomeKind::exception, to_valid_utf8(report.text));
    case ReportKind::not_serializable:
      return failed(OutcomeKind::not_serializable, to_valid_utf8(report.text));
    case ReportKind::memory_limit:
      return failed(OutcomeKind::memory_limit, to_valid_utf8(report.text));
    case ReportKind::output_limit:
      return failed(OutcomeKind::output_limit, to_valid_utf8(report.text));
    case ReportKind::exited:
      return failed(OutcomeKind::exited, to_valid_utf8(report.text));
    case ReportKind::invalid_arguments:
      return failed(OutcomeKind::invalid_arguments, to_valid_utf8(report.text));
  }
  return failed(OutcomeKind::internal, "the worker sent an unknown report");
}

Outcome judge_death(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    if (signal == SIGXCPU) return failed(OutcomeKind::time_limit, "execution time limit exceeded");
    const char* name = ::sigabbrev_np(signal);
    return failed(OutcomeKind::killed, "script was killed by signal " + std::to_string(signal) +
                                           " (SIG" + (name != nullptr ? name : "?") + ")");
  }
  const int status = WEXITSTATUS(wait_status);
  if (status == kExitBadFrame)
    return failed(OutcomeKind::internal, "the worker could not read the job");
  if (status == kExitChannelLost)
    return failed(OutcomeKind::exited, "script closed the descriptor that its result is sent on");
  return failed(OutcomeKind::exited,
                "script exited with status " + std::to_string(status) + " before main() returned");
}

Outcome judge(const Run& run, const Cancellation& cancellation, std::optional<int> own_death) {
  switch (run.channel) {
    case Channel::reported:
      return judge_report(*run.report, run.caps);
    case Channel::too_large:
      return failed(
          OutcomeKind::output_limit,
          "result is more than the limit of " + std::to_string(run.caps.result_bytes) + " bytes");
    case Channel::malformed:
      return failed(OutcomeKind::not_serializable, "the worker's report is malformed");
    case Channel::open:
    case Channel::closed:
      break;
  }
  if (cancellation.requested()) return failed(OutcomeKind::internal, "the job was cancelled");
  if (run.worker.jail_broke()) return failed(OutcomeKind::internal, "the worker was lost");
  if (own_death && run.worker.out_of_memory())
    return failed(OutcomeKind::memory_limit, "memory limit exceeded");
  if (own_death) return judge_death(*own_death);
  return failed(OutcomeKind::internal, "the worker was lost");
}

}  // namespace

awaitable<Outcome> run_job(Pool::Lease lease, const Job& job, const RunCaps& caps,
                           Deadline deadline, Cancellation& cancellation, Metrics& metrics) {
  const auto executor = co_await net::this_coro::executor;
  const auto run = std::make_shared<Run>(executor, std::move(lease), caps, metrics);
  WorkerHandle& worker = run->worker;
  worker.output().native_non_blocking(true);
  net::co_spawn(executor, talk(run, encode_job(job)), net::detached);
  net::co_spawn(executor, drain(run), net::detached);
  if (worker.gone().is_set()) run->ended.set();
  worker.on_gone = [weak = std::weak_ptr(run)] {
    if (const auto alive = weak.lock()) alive->ended.set();
  };
  cancellation.listen([run] { run->ended.set(); });

  const bool in_time = co_await run->ended.wait_until(deadline);
  cancellation.listen(nullptr);
  // What the worker did by itself, as opposed to what `finish` does to it.
  const auto own_death = worker.wait_status();
  const std::uint64_t ended_ns = sandbox::monotonic_ns();
  const bool dead = co_await finish(run);
  metrics.observe(RequestPhase::kill, sandbox::monotonic_ns() - ended_ns);
  observe_run(*run, ended_ns);  // only now is it known whether there is a report

  Outcome outcome;
  if (!dead)
    outcome = failed(OutcomeKind::internal, "the job's processes could not be ended");
  else if (!in_time)
    outcome = failed(OutcomeKind::time_limit, "execution time limit exceeded");
  else
    outcome = judge(*run, cancellation, own_death);
  outcome.stdout_bytes = run->output.text();
  outcome.stdout_truncated = run->output.truncated();
  co_return outcome;
}

}  // namespace pyexec
