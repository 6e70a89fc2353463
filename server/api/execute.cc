#include "server/api/execute.h"

#include "server/api/entrance.h"
#include "server/api/queue/queue_message.h"
#include "server/api/run_and_answer.h"

namespace pyexec {

awaitable<std::optional<Response>> execute(Api& api, Exchange& exchange, BodyType type,
                                           Access::Running running) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();

  sandbox::Lap lap;
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&]() -> boost::system::result<JobRequest, BadRequest> {
    if (type.kind != BodyKind::json) {
      const auto json = as_json(*body, type, "script", caps.result_depth);
      if (!json) return json.error();
      return parse_job(*json, caps);
    }
    auto parsed = parse_job(*body, caps);
    if (!parsed && is_push(*body))
      return BadRequest{400, "a push of Pub/Sub goes to POST /queue/pubsub"};
    return parsed;
  };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  if (const auto problem = api.engine.problem_with(*request)) co_return refused({400, *problem});
  request->owner = exchange.owner();
  if (const auto missing = api.engine.templates.problem_with(*request))
    co_return execute_error(missing->kind, outcome_status(missing->kind), missing->error);
  api.engine.templates.clamp(*request);
  RequestRecord& record = exchange.record();
  api.metrics.observe(RequestPhase::parse, record.phases[RequestPhase::parse] = lap.ns());

  RunJob run = [&api](const JobRequest& job, std::shared_ptr<JobOutput> output,
                      Cancellation& cancellation) {
    return api.engine.run(job, Rank::single, std::move(output), cancellation);
  };
  auto answer =
      run_and_answer(api, exchange, *std::move(request), std::move(run), std::move(running));
  co_return co_await std::move(answer);
}

}  // namespace pyexec
