#include "server/engine/engine.h"

#include <algorithm>
#include <thread>

#include "sandbox/base/times.h"
#include "server/job/validate_report.h"
#include "server/workers/isolation_advice.h"
#include "server/workers/run_job.h"

namespace pyexec {
namespace {

constexpr std::size_t kPipeBytes = 65536;  // PIPE_BYTES of job_inputs.py; a larger stdin is a file

// A guess that affects only speed: the script may contain the word and not use pandas.
Preload preload_for(const Job& job) {
  return job.script.find("pandas") == std::string::npos ? Preload::basic : Preload::pandas;
}

// A batch that is alone keeps all cores busy. Beside others it leaves one core to them.
BatchShare::Limits batch_limits(std::uint64_t running_jobs) {
  const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  const auto up_to = [&](std::uint64_t jobs) {
    return std::clamp<std::uint64_t>(jobs, 1, running_jobs);
  };
  return {up_to(2 * cores), up_to(cores - 1)};
}

}  // namespace

Engine::Engine(net::any_io_executor executor, const EngineLimits& limits, LauncherClient& launcher,
               const Telemetry& telemetry, Offload& offload, const Lifecycle& lifecycle)
    : caps(limits.caps),
      admission(limits.pool.running_jobs + limits.queued_jobs),
      batch_share(batch_limits(limits.pool.running_jobs)),
      pool(executor, limits.pool, launcher, telemetry),
      session_maker({executor, launcher, telemetry, sandbox::Tenant::session}, limits.pool.zygotes,
                    pool.ids()),
      templates({executor, session_maker, telemetry, offload, caps}, limits.templates),
      sessions({executor, telemetry, offload, session_maker, templates, caps}, limits.sessions),
      tool_jobs(executor, telemetry, sessions.instance, limits.tool_jobs),
      kept_jobs(executor, sessions.instance, limits.kept_jobs),
      endpoints({templates, telemetry, offload, caps}, limits.tools_dir),
      most_tries_(limits.pool.workers + 1),
      metrics_(telemetry.metrics),
      offload_(offload),
      lifecycle_(lifecycle) {}

void Engine::set_host(const Probed& probed) {
  if (has_filter_alone(probed)) {
    constexpr const char* kWhy =
        "nothing stays from one request to the next here: a system call filter alone keeps jobs "
        "apart only one at a time";
    sessions.refuse_all(kWhy);
    templates.refuse_all(kWhy);
    tool_jobs.refuse_all(kWhy);
  }
  const auto forks = probed.has_processes == 1 ? SessionJail::Forks::yes : SessionJail::Forks::no;
  sessions.set_forks(forks);
  std::string image = PYEXEC_VERSION;
  if (const auto& zygote = pool.zygote())
    for (const auto* version : {&zygote->python, &zygote->numpy, &zygote->pandas})
      image.append(" ").append(version->data());
  templates.set_host({forks, probed.keeps_jails == 1, image});
}

void Engine::close() {
  templates.close();
  session_maker.close();
  pool.close();
}

Outcome Engine::without_worker(const Cancellation& cancellation) {
  if (lifecycle_.is_draining()) {
    metrics_.count_refusal(Refusal::stopping);
    return failed(OutcomeKind::busy, "the service stops; try again");
  }
  if (cancellation.requested()) return failed(OutcomeKind::internal, "the job was cancelled");
  metrics_.count_refusal(Refusal::no_worker);
  return failed(OutcomeKind::busy, "no worker became free in time; try again later");
}

std::optional<std::string> Engine::problem_with(const JobRequest& request) const {
  const Job& job = request.job;
  if (isolation.probed.has_scratch == 1) return std::nullopt;
  if (!job.files.empty() || job.stdin_text.size() > kPipeBytes)
    return "'files' and a large 'stdin' need a place to write, which jobs here do not have";
  if (!job.options.return_files.empty())
    return "'return_files' needs a place to write, which jobs here do not have";
  return std::nullopt;
}

void name_limit(const JobRequest& request, Outcome& outcome) {
  if (outcome.kind == OutcomeKind::time_limit && outcome.error == time_exceeded().error)
    outcome.error += ": " + std::to_string(request.timeout_ms) + " ms (timeout_ms)";
  if (outcome.kind == OutcomeKind::memory_limit)
    outcome.error += ": " + std::to_string(request.memory_mb) + " MiB (memory_mb)";
}

std::shared_ptr<JobOutput> output_for(const JobRequest& request, const JobCaps& caps) {
  auto output = std::make_shared<JobOutput>(request.output_bytes);
  if (!request.tools.empty())
    output->calls = std::make_shared<PendingCalls>(
        CallLimits{caps.call_bytes, caps.calls, std::chrono::seconds(caps.call_wait_s),
                   std::chrono::seconds(caps.calls_wait_s)},
        request.tools);
  return output;
}

awaitable<Outcome> Engine::run(const JobRequest& request, Rank rank,
                               std::shared_ptr<JobOutput> output, Cancellation& cancellation) {
  if (!request.template_name.empty()) {
    auto on_template = templates.run(request, std::move(output), cancellation);
    Outcome outcome = co_await std::move(on_template);
    co_return outcome;
  }
  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  const Accounting accounting =
      request.detail == AnswerDetail::verbose ? Accounting::complete : Accounting::quick;
  Outcome outcome;
  std::uint64_t taken_ns = 0;
  // When a jailer dies, all parked workers die very soon, but not at the same moment.
  for (std::uint64_t tries = 0; tries < most_tries_; ++tries) {
    auto lease = co_await pool.take({preload_for(request.job), rank}, deadline, cancellation);
    taken_ns = sandbox::monotonic_ns();
    if (!lease) {
      outcome = without_worker(cancellation);
      break;
    }
    metrics_.observe(RequestPhase::pool_wait, taken_ns - admitted_ns);
    // A named variable: g++ 12 destroys temporaries of a co_await twice.
    JobRun what = {request.job, caps, deadline, accounting, offload_, output};
    outcome = co_await run_job(*std::move(lease), std::move(what), cancellation, metrics_);
    if (outcome.was_read) break;
  }
  output->seal();
  name_limit(request, outcome);
  outcome.phases[RequestPhase::pool_wait] = taken_ns - admitted_ns;
  outcome.usage.queue_ns = taken_ns - admitted_ns;
  outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  co_return outcome;
}

}  // namespace pyexec
