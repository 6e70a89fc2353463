#include "server/engine/perform.h"

#include "sandbox/base/phases.h"
#include "server/job/judge.h"
#include "server/workers/run_job.h"

namespace pyexec {
namespace {

constexpr std::size_t kPipeBytes = 65536;  // PIPE_BYTES of job_inputs.py: beyond, stdin is a file

// A guess, for speed alone: the script may say the word and not mean it.
Warmth warmth_for(const Job& job) {
  return job.script.find("pandas") == std::string::npos ? Warmth::basic : Warmth::pandas;
}

Outcome without_worker(Service& service, const Cancellation& cancellation) {
  if (service.draining) {
    service.metrics.count_refusal(Refusal::stopping);
    return failed(OutcomeKind::busy, "the service stops; try again");
  }
  if (cancellation.requested()) return failed(OutcomeKind::internal, "the job was cancelled");
  service.metrics.count_refusal(Refusal::no_worker);
  return failed(OutcomeKind::busy, "no worker became free in time; try again later");
}

// The limit that was met, and the field of a request that sets it.
void name_limit(const JobRequest& request, Outcome& outcome) {
  if (outcome.kind == OutcomeKind::time_limit)
    outcome.error += ": " + std::to_string(request.timeout_ms) + " ms (timeout_ms)";
  if (outcome.kind == OutcomeKind::memory_limit)
    outcome.error += ": " + std::to_string(request.memory_mb) + " MiB (memory_mb)";
}

}  // namespace

std::optional<std::string> problem_with_job(const Service& service, const JobRequest& request) {
  const Job& job = request.job;
  if (service.isolation.probed.has_scratch == 1) return std::nullopt;
  if (!job.files.empty() || job.stdin_text.size() > kPipeBytes)
    return "'files' and a large 'stdin' need a place to write, which jobs here do not have";
  if (!job.wants.return_files.empty())
    return "'return_files' needs a place to write, which jobs here do not have";
  return std::nullopt;
}

std::shared_ptr<JobOutput> output_for(const JobRequest& request) {
  return std::make_shared<JobOutput>(request.output_bytes);
}

awaitable<Outcome> perform(Service& service, const JobRequest& request, Rank rank,
                           std::shared_ptr<JobOutput> output, Cancellation& cancellation) {
  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  const Accounting accounting =
      request.detail == AnswerDetail::verbose ? Accounting::complete : Accounting::quick;
  Outcome outcome;
  std::uint64_t taken_ns = 0;
  // When a jailer dies, every parked worker does, in no time, but not at once.
  for (std::uint64_t tries = 0; tries <= service.config.pool_workers; ++tries) {
    auto lease =
        co_await service.pool.take({warmth_for(request.job), rank}, deadline, cancellation);
    taken_ns = sandbox::monotonic_ns();
    if (!lease) {
      outcome = without_worker(service, cancellation);
      break;
    }
    service.metrics.observe(RequestPhase::pool_wait, taken_ns - admitted_ns);
    // A name of its own: g++ 12 ends temporaries of a co_await twice.
    JobRun what = {request.job,     {service.config.result_bytes, service.config.result_depth},
                   deadline,        accounting,
                   service.offload, output};
    outcome = co_await run_job(*std::move(lease), std::move(what), cancellation, service.metrics);
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
