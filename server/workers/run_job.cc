#include "server/workers/run_job.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "sandbox/base/times.h"
#include "server/job/validate_report.h"
#include "server/workers/account.h"
#include "server/workers/conversation.h"
#include "server/workers/ending.h"
#include "server/workers/output_pipe.h"

namespace pyexec {
namespace {

constexpr std::chrono::seconds kLastOutput{1};

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
        output_done(executor),
        output_closed(executor),
        errors_closed(executor) {}

  void observe(RequestPhase phase, std::uint64_t ns) {
    metrics.observe(phase, ns);
    phases[phase] = ns;
  }

  Metrics& metrics;
  PhaseTimes phases;
  const std::uint64_t taken_ns = sandbox::monotonic_ns();
  Pool::Lease lease;
  WorkerHandle& worker;
  const JobCaps& caps;
  const ReportOptions options;
  Conversation talk;
  std::shared_ptr<JobOutput> output;
  Offload& offload;
  int pipes_open = 2;
  Event ended;  // the job is over, for whichever reason came first
  Event channel_done;
  Event output_done;
  Event output_closed, errors_closed;  // the server's end is closed
};

awaitable<void> talk(std::shared_ptr<Run> run, std::string job_frame) {
  const Assignment job = {std::move(job_frame), run->caps, run->options, run->output->calls};
  run->talk = co_await converse(run->worker.job_socket(), job, run->offload);
  run->channel_done.set();
  // A closed channel alone decides nothing. The worker's death, which explains it, is reported
  // next.
  if (run->talk.channel != Channel::closed && run->talk.channel != Channel::unread)
    run->ended.set();
}

void take_all_output(Run& run) {
  take_all(run.worker.output(), run.output->standard, run.output->on_more);
  take_all(run.worker.errors(), run.output->errors, run.output->on_more);
}

// Reads until the pipe ends or is closed.
awaitable<void> drain(std::shared_ptr<Run> run, OutputPipe& pipe, OutputCapture& capture,
                      Event& closed) {
  try {
    co_await take_until_end(pipe, capture, run->output->on_more, closed);
  } catch (const std::bad_alloc&) {  // the kept output counts; the job's end waits for this
  }
  if (--run->pipes_open == 0) run->output_done.set();
}

// Closes the job's pipes and socket without waiting for end of file: descriptors that the job
// sent over its own socket and nobody received keep both pipes open as long as that socket.
void close_channels(Run& run) {
  error_code ignored;
  run.worker.output().close(ignored);
  run.worker.errors().close(ignored);
  run.worker.job_socket().close(ignored);
  run.output_closed.set();
  run.errors_closed.set();
}

// Runs after the answer. Holds the lease until the jail is empty.
awaitable<void> reap_in_background(std::shared_ptr<Run> run) {
  sandbox::Lap lap;
  co_await run->worker.await_empty();
  run->metrics.observe(RequestPhase::reap, lap.ns());
  close_channels(*run);
}

// Ends the job. Returns true once none of its processes can go on and `run` holds all its output.
// If the job has reported and its usage is not requested, does not wait until its worker, alone
// and stopped, is killed and torn down.
awaitable<bool> finish(std::shared_ptr<Run> run, Accounting accounting) {
  bool dead = co_await run->worker.end_job();
  if (dead && run->talk.channel == Channel::reported && accounting == Accounting::quick) {
    take_all_output(*run);
    net::co_spawn(co_await net::this_coro::executor, reap_in_background(run), net::detached);
    co_return true;
  }
  dead = dead && co_await run->worker.await_empty();
  if (dead && accounting == Accounting::complete)
    co_await run->worker.gone().wait_until(Clock::now() + kLastOutput);
  // Everything sent is in the kernel's buffers. A report that the worker sent before it died is
  // complete, so reading it does not wait for anybody.
  if (dead) {
    take_all_output(*run);
    co_await run->channel_done.wait_until(Clock::now() + kLastOutput);
  }
  close_channels(*run);
  co_await run->channel_done.wait();
  co_await run->output_done.wait();
  co_return dead;
}

// Clamps the worker's own times to the range in which they can be true.
void observe_run(Run& run, std::uint64_t ended_ns) {
  if (!run.talk.report) {
    run.observe(RequestPhase::run, ended_ns - run.taken_ns);
    return;
  }
  const RunTimes& told = run.talk.report->unchecked().times;
  const std::uint64_t began = std::clamp(told.began_ns, run.taken_ns, run.talk.reported_ns);
  const std::uint64_t ended = std::clamp(told.ended_ns, began, run.talk.reported_ns);
  run.observe(RequestPhase::hand_off, began - run.taken_ns);
  run.observe(RequestPhase::run, ended - began);
  run.observe(RequestPhase::report, run.talk.reported_ns - ended);
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
  net::co_spawn(executor, drain(run, worker.output(), run->output->standard, run->output_closed),
                net::detached);
  net::co_spawn(executor, drain(run, worker.errors(), run->output->errors, run->errors_closed),
                net::detached);
  if (worker.gone().is_set()) run->ended.set();
  worker.on_gone = [weak = std::weak_ptr(run)] {
    if (const auto alive = weak.lock()) alive->ended.set();
  };
  std::optional listening = cancellation.listen([run] { run->ended.set(); });

  const auto calls = run->output->calls;
  connect_calls(calls,
                std::shared_ptr<net::local::stream_protocol::socket>(run, &worker.job_socket()));
  if (calls) {
    calls->take_output = [run] { take_all_output(*run); };
    calls->on_wait = [run] { run->lease.park(); };
    calls->on_share = [run](bool waits) {
      run->worker.set_share(waits ? sandbox::Share::least : sandbox::Share::full);
    };
    calls->take_place = [run](Deadline until, Cancellation& waiting) -> awaitable<bool> {
      const auto kept = run;
      co_return co_await kept->lease.resume(until, waiting);
    };
  }
  const bool in_time = co_await wait_for_end(run->ended, what.deadline, calls);
  listening.reset();
  // The worker's own end, as opposed to being killed by `finish`.
  const auto own_death = worker.wait_status();
  const std::uint64_t ended_ns = sandbox::monotonic_ns();
  // A script's process pool runs out of time if the kernel killed its children for lack of
  // memory.
  if (calls) calls->take_place = nullptr, calls->on_wait = nullptr, calls->on_share = nullptr;
  const bool dead = co_await finish(run, in_time ? what.accounting : Accounting::complete);
  run->observe(RequestPhase::kill, sandbox::monotonic_ns() - ended_ns);
  observe_run(*run, ended_ns);  // only now is it known whether there is a report

  const auto validate = [&] { return validate_report(*run->talk.report, run->options, run->caps); };
  Outcome outcome;
  if (!dead)
    outcome = failed(OutcomeKind::internal, "the job's processes could not be ended");
  else if (calls && calls->problem() && run->talk.channel != Channel::reported)
    outcome = failed(OutcomeKind::time_limit, *calls->problem());
  else if (!in_time)
    outcome = worker.out_of_memory() ? memory_exceeded() : time_exceeded();
  else if (run->talk.channel == Channel::reported)
    outcome = co_await run->offload.run(run->talk.report_bytes, validate);
  else
    outcome = outcome_of_ending({run->talk.channel, cancellation.requested(), own_death,
                                 worker.out_of_memory(), worker.jail_broke(), run->options},
                                run->caps);
  if (calls) calls->close();
  outcome.phases = run->phases;
  outcome.usage.run_ns = ended_ns - run->taken_ns;
  if (calls) outcome.usage.run_ns -= std::min(outcome.usage.run_ns, calls->waited_ns());
  // A worker that has reported is killed, before or after `own_death` is read.
  const bool has_reported = run->talk.channel == Channel::reported;
  account(worker, has_reported ? std::nullopt : own_death, outcome.usage);
  co_return outcome;
}

}  // namespace pyexec
