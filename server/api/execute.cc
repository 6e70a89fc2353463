#include "server/api/execute.h"

#include "server/api/live.h"
#include "server/api/queue/queue_message.h"
#include "server/api/single_job.h"
#include "server/job/answer.h"

namespace pyexec {

awaitable<std::optional<Response>> execute(Api& api, Exchange& exchange) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();

  sandbox::Lap lap;
  const auto read = [&]() -> boost::system::result<JobRequest, BadRequest> {
    auto parsed = parse_job(*body, api.engine.caps);
    if (!parsed && is_push(*body))
      return BadRequest{400, "a push of Pub/Sub goes to POST /queue/pubsub"};
    return parsed;
  };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  if (const auto problem = api.engine.problem_with(*request)) co_return refused({400, *problem});
  RequestRecord& record = exchange.record();
  api.metrics.observe(RequestPhase::parse, record.phases[RequestPhase::parse] = lap.ns());

  auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  if (const auto format = live_format(exchange.head())) {
    LiveRequest live = {*std::move(request), *format, *std::move(permit)};
    co_await execute_live(api, exchange, std::move(live));
    co_return std::nullopt;
  }
  const auto output = output_for(*request);
  const Outcome outcome =
      co_await api.engine.run(*request, Rank::single, output, exchange.cancellation());
  record.add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  const auto tell = [&] { return outcome_response(outcome, *output, *request); };
  Response response = co_await api.offload.run(answer_bytes(outcome, *output), tell);
  response.begun_ns = begun_ns;
  co_return response;
}

}  // namespace pyexec
