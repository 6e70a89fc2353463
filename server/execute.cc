#include "server/execute.h"

#include "sandbox/base/phases.h"
#include "server/job_request.h"
#include "server/live.h"
#include "server/perform.h"

namespace pyexec {
namespace {

Response refused(const BadRequest& problem) {
  return execute_error(OutcomeKind::invalid_request, problem.status, problem.message);
}

}  // namespace

awaitable<std::optional<Response>> execute(Service& service, Exchange& exchange) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();

  sandbox::Lap lap;
  auto request = parse_job(*body, service.job_caps);
  if (!request) co_return refused(request.error());
  if (const auto problem = problem_with_job(service, *request)) co_return refused({400, *problem});
  RequestRecord& record = exchange.record();
  service.metrics.observe(RequestPhase::parse, record.phases[RequestPhase::parse] = lap.ns());

  auto permit = service.admission.try_admit();
  if (!permit) {
    service.metrics.count_refusal(Refusal::queue_full);
    co_return busy_response("too many jobs are running and waiting; try again later");
  }
  service.batch_share.single_came();
  service.metrics.observe(RequestPhase::admit, record.phases[RequestPhase::admit] = lap.ns());

  if (const auto format = live_format(exchange.head())) {
    LiveRequest live = {*std::move(request), *format, *std::move(permit)};
    co_await perform_live(service, exchange, std::move(live));
    co_return std::nullopt;
  }
  const auto output = output_for(*request);
  const Outcome outcome =
      co_await perform(service, *request, Rank::single, output, exchange.cancellation());
  record.add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  Response response = outcome_response(outcome, *output, *request);
  response.begun_ns = begun_ns;
  co_return response;
}

}  // namespace pyexec
