#include "server/api/run_and_answer.h"

#include "server/api/jobs.h"
#include "server/api/live.h"
#include "server/api/tool_calls.h"
#include "server/job/answer.h"
#include "server/job/validate_report.h"

namespace pyexec {
namespace {

Outcome internal_error(Log& log, std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {  // no memory for a log line either
  } catch (const std::exception& error) {
    log.warn(std::string("a job failed: ") + error.what());
  }
  return failed(OutcomeKind::internal, "internal error");
}

awaitable<Response> run_to_end(Api& api, Exchange& exchange, const JobRequest& request,
                               const RunJob& run) {
  const auto output = output_for(request, api.engine.caps);
  auto running = run(request, output, exchange.cancellation());
  const Outcome outcome = co_await std::move(running);
  exchange.record().add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  const auto tell = [&] { return outcome_response(outcome, *output, request); };
  Response response = co_await api.offload.run(answer_bytes(outcome, *output), tell);
  response.begun_ns = begun_ns;
  co_return response;
}

// Returns the job, or the response to send instead.
boost::system::result<std::shared_ptr<RunningJob>, Response> make_job(Api& api, Exchange& exchange,
                                                                      JobRequest request) {
  const auto output = output_for(request, api.engine.caps);
  if (request.tools.empty())
    return std::make_shared<RunningJob>(api.executor, std::move(request), output);
  request.owner = exchange.owner();
  auto begun = api.engine.tool_jobs.begin(std::move(request), output);
  if (!begun) return refused(api, Refusal::tool_limit, begun.error().error);
  return *begun;
}

}  // namespace

void run_beside(Api& api, const std::shared_ptr<RunningJob>& job, const RunJob& run) {
  if (job->output->calls)
    job->output->calls->on_call = [weak = std::weak_ptr(job)] {
      if (const auto alive = weak.lock()) alive->news.set();
    };
  net::co_spawn(api.executor, run(job->request, job->output, job->cancellation),
                [job, run, &log = api.log](std::exception_ptr exception, Outcome outcome) {
                  if (exception) outcome = internal_error(log, exception);
                  job->outcome = std::move(outcome);
                  job->places.reset();
                  job->news.set();
                });
}

Cancellation::Listening end_together(Exchange& exchange, const std::shared_ptr<RunningJob>& job) {
  Cancellation& cancellation = exchange.cancellation();
  return cancellation.listen([&cancellation, job] {
    using By = Cancellation::By;
    job->cancellation.request(cancellation.requested(By::client) ? By::client : By::service);
  });
}

awaitable<std::optional<Response>> run_and_answer(Api& api, Exchange& exchange, JobRequest request,
                                                  RunJob run, Access::Running running) {
  sandbox::Lap lap;
  auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  const auto format = live_format(exchange.head());
  if (!format && request.tools.empty() && prefers_async(exchange.head())) {
    BegunJob begun = {std::move(run), {std::move(running), *std::move(permit)}};
    co_return begin_kept_job(api, exchange, std::move(request), std::move(begun));
  }
  if (!format && request.tools.empty()) {
    auto answering = run_to_end(api, exchange, request, run);
    co_return co_await std::move(answering);
  }
  if (format) {
    request.detail = AnswerDetail::verbose;
    request.job.options.error_detail = 1;
  }
  const auto job = make_job(api, exchange, std::move(request));
  if (!job) co_return job.error();
  (*job)->places = std::make_shared<JobPlaces>(JobPlaces{std::move(running), *std::move(permit)});
  // Named variables: g++ 12 destroys temporaries of a co_await twice.
  if (format) {
    LiveRequest live = {*job, *format, std::move(run)};
    auto streaming = execute_live(api, exchange, std::move(live));
    co_await std::move(streaming);
    co_return std::nullopt;
  }
  run_beside(api, *job, run);
  auto attending = attend(api, exchange, *job);
  co_return co_await std::move(attending);
}

}  // namespace pyexec
