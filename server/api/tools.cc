#include "server/api/tools.h"

#include "server/api/entrance.h"
#include "server/http/request_target.h"
#include "server/job/job_defaults.h"
#include "server/json/object_writer.h"
#include "server/json/untrusted_json.h"

namespace pyexec {

Response list_tools(const Api& api) {
  std::string list = "[";
  for (const auto& [name, endpoint] : api.engine.endpoints.all()) {
    ObjectWriter members;
    members.text("name", name);
    members.text("description", endpoint.description);
    members.json("input_schema", endpoint.input_schema);
    list += (list.size() > 1 ? ", " : "") + members.object();
  }
  ObjectWriter members;
  members.json("tools", list + "]");
  return {200, members.object()};
}

JobRequest tool_request(const JobCaps& caps, std::string args) {
  constexpr std::uint64_t kOfItsTypes = 2;
  JobRequest request = plain_request(caps);
  request.job.script = "main";
  request.job.args = std::move(args);
  request.job.options.is_call = kOfItsTypes;
  return request;
}

RunJob run_tool(Api& api, std::string name) {
  return [&api, name = std::move(name)](const JobRequest& job, std::shared_ptr<JobOutput> output,
                                        Cancellation& cancellation) {
    return api.engine.endpoints.run(name, job, std::move(output), cancellation);
  };
}

awaitable<std::optional<Response>> call_tool(Api& api, Exchange& exchange, std::string_view name,
                                             Access::Running running) {
  const std::string wanted = percent_decoded(name).value_or("");
  if (api.engine.endpoints.find(wanted) == nullptr)
    co_return execute_error(OutcomeKind::not_found, 404,
                            "there is no such tool; GET /tools has those that there are");
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&] {
    return reserialise(body->empty() ? "{}" : *body, caps.result_depth, "the body");
  };
  auto args = co_await api.offload.run(body->size(), read);
  if (!args) co_return refused({400, args.error().message});
  if (!args->starts_with('{'))
    co_return refused({400, "request body must be a JSON object: the arguments by name"});
  if (args->size() > caps.input_bytes)
    co_return refused({413, "the arguments are " + std::to_string(args->size()) +
                                " bytes, more than the limit of " +
                                std::to_string(caps.input_bytes)});
  auto answer = run_and_answer(api, exchange, tool_request(caps, *std::move(args)),
                               run_tool(api, wanted), std::move(running));
  co_return co_await std::move(answer);
}

}  // namespace pyexec
