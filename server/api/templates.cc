#include "server/api/templates.h"

#include "server/api/entrance.h"
#include "server/api/single_job.h"
#include "server/engine/engine.h"
#include "server/http/request_target.h"
#include "server/job/answer.h"

namespace pyexec {
namespace {

Response made(const Templates::Put& put, const JobOutput& output) {
  ObjectWriter members;
  members.text("template", put.name);
  if (put.is_new) members.text("stdout", output.standard.text());
  Response response = {put.is_new ? 201u : 200u, members.object()};
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::ok));
  response.outcome = OutcomeKind::ok;
  return response;
}

}  // namespace

awaitable<std::optional<Response>> put_template(Api& api, Exchange& exchange) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&] { return parse_template(*body, caps); };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  if (const auto problem = api.engine.problem_with(*request)) co_return refused({400, *problem});
  request->owner = exchange.owner();
  sandbox::Lap lap;
  const auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  const auto output = output_for(*request, api.engine.caps);
  auto putting = api.engine.templates.put(*request, output, exchange.cancellation());
  const Templates::Put put = co_await std::move(putting);
  exchange.record().add_job(put.outcome);
  if (!put.name.empty()) co_return made(put, *output);
  if (put.outcome.kind == OutcomeKind::busy)
    co_return refused(api, Refusal::template_limit, put.outcome.error);
  co_return outcome_response(put.outcome, *output, *request);
}

Response list_templates(Api& api, const Exchange& exchange) {
  std::string list = "[";
  for (const auto& known : api.engine.templates.of(exchange.owner())) {
    ObjectWriter members;
    members.text("template", known->name);
    members.number("jobs_run", known->jobs);
    members.number("running", known->running);
    members.number("jails", known->jails);
    members.number("memory_bytes", known->jails * known->bytes);
    list += (list.size() > 1 ? ", " : "") + members.object();
  }
  ObjectWriter members;
  members.json("templates", list + "]");
  return {200, members.object()};
}

Response end_template(Api& api, const Exchange& exchange, std::string_view name) {
  const auto decoded = percent_decoded(name);
  if (decoded && api.engine.templates.remove(exchange.owner(), *decoded)) return {204, ""};
  return execute_error(OutcomeKind::not_found, 404, "no such template on this instance");
}

}  // namespace pyexec
