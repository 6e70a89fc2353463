#include "server/execute.h"

#include "sandbox/base/phases.h"
#include "server/job_request.h"
#include "server/run_job.h"

namespace pyexec {
namespace {

constexpr std::size_t kPipeBytes = 65536;  // PIPE_BYTES of runner.py: beyond, stdin is a file

// A guess, for speed alone: the script may say the word and not mean it.
Warmth warmth_for(const Job& job) {
  return job.script.find("pandas") == std::string::npos ? Warmth::basic : Warmth::pandas;
}

}  // namespace

awaitable<Response> execute(Service& service, std::string_view body, Cancellation& cancellation) {
  const Config& config = service.config;

  sandbox::Lap lap;
  auto request = parse_job(body, service.job_caps);
  if (!request)
    co_return execute_error(OutcomeKind::invalid_request, request.error().status,
                            request.error().message);
  const bool needs_scratch =
      !request->job.files.empty() || request->job.stdin_text.size() > kPipeBytes;
  if (needs_scratch && service.isolation.probed.has_scratch == 0)
    co_return execute_error(
        OutcomeKind::invalid_request, 400,
        "'files' and a large 'stdin' need a place to write, which jobs here do not have");

  service.metrics.observe(RequestPhase::parse, lap.ns());

  const auto permit = service.admission.try_admit();
  if (!permit) co_return busy_response("too many jobs are running and waiting; try again later");
  service.metrics.observe(RequestPhase::admit, lap.ns());

  // The deadline counts from here: time in the queue is the job's own.
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(request->timeout_ms);
  auto lease = co_await service.pool.take(warmth_for(request->job), deadline, cancellation);
  if (!lease) co_return busy_response("no worker became free in time; try again later");
  service.metrics.observe(RequestPhase::pool_wait, lap.ns());

  const RunCaps caps = {request->output_bytes, config.result_bytes, config.result_depth};
  const Outcome outcome = co_await run_job(*std::move(lease), request->job, caps, deadline,
                                           cancellation, service.metrics);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  Response response = outcome_response(outcome);
  response.begun_ns = begun_ns;
  co_return response;
}

}  // namespace pyexec
