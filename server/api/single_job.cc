#include "server/api/single_job.h"

namespace pyexec {

Response refused(const BadRequest& problem) {
  Response response = execute_error(OutcomeKind::invalid_request, problem.status, problem.message);
  if (!problem.hint.empty()) response.headers.emplace_back("Pyexec-Hint", problem.hint);
  return response;
}

Response refused(const Outcome& outcome) {
  if (outcome.kind == OutcomeKind::busy) return busy_response(outcome.error);
  return execute_error(outcome.kind, outcome_status(outcome.kind), outcome.error);
}

Response refused(Api& api, Refusal reason, std::string_view why) {
  api.metrics.count_refusal(reason);
  return busy_response(why);
}

boost::system::result<Admission::Permit, Response> admit(Api& api, Exchange& exchange,
                                                         sandbox::Lap& lap) {
  if (api.lifecycle.is_over())
    return refused(api, Refusal::stopping, "the service stops; try again");
  if (!api.http.unread_answers.make_room_for(exchange.owner()))
    return refused(api, Refusal::too_many_bytes,
                   "too many answers wait for this client to read them; try again later");
  auto permit = api.engine.admission.try_admit();
  if (!permit)
    return refused(api, Refusal::queue_full,
                   "too many jobs are running and waiting; try again later");
  api.engine.batch_share.single_came();
  api.metrics.observe(RequestPhase::admit,
                      exchange.record().phases[RequestPhase::admit] = lap.ns());
  return *std::move(permit);
}

}  // namespace pyexec
