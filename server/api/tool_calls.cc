#include "server/api/tool_calls.h"

#include <algorithm>

#include "server/job/answer.h"
#include "server/job/continue_request.h"

namespace pyexec {
namespace {

// For calls of other threads, which come a moment after the first.
constexpr std::chrono::milliseconds kGather{2};

Response calls_response(const std::string& token, const std::vector<ToolCall>& calls,
                        const JobOutput& output, const JobRequest& request) {
  ObjectWriter members;
  members.text("outcome", outcome_name(OutcomeKind::calls));
  members.text("continue", token);
  members.json("calls", calls_list(calls));
  add_output(members, output, request);
  Response response = {outcome_status(OutcomeKind::calls), members.object()};
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::calls));
  response.outcome = OutcomeKind::calls;
  return response;
}

std::uint64_t size_of(const std::vector<ToolCall>& calls) {
  std::uint64_t bytes = 0;
  for (const ToolCall& call : calls) bytes += call.args_json.size();
  return bytes;
}

// Returns an error message unless there is one answer to each call.
std::optional<std::string> problem_with(const std::vector<ToolAnswer>& answers,
                                        const std::set<std::uint64_t>& calls) {
  for (const ToolAnswer& answer : answers)
    if (!calls.contains(answer.number))
      return "'results' has an entry for call " + std::to_string(answer.number) +
             ", which this token does not stand for";
  if (answers.size() == calls.size()) return std::nullopt;
  std::string missing;
  for (const std::uint64_t number : calls)
    if (std::none_of(answers.begin(), answers.end(),
                     [&](const ToolAnswer& answer) { return answer.number == number; }))
      missing += (missing.empty() ? "" : ", ") + std::to_string(number);
  return "'results' has to have an entry for each call; there is none for " + missing;
}

// Hands the answers to the job. Returns the response to send instead if it cannot go on now.
awaitable<std::optional<Response>> resume(Api& api, Exchange& exchange,
                                          std::shared_ptr<RunningJob> job,
                                          const std::vector<ToolAnswer>& answers,
                                          Access::Running running) {
  PendingCalls& calls = job->calls();
  sandbox::Lap lap;
  auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  if (calls.unsent_bytes && calls.unsent_bytes() > api.engine.caps.call_bytes)
    co_return refused(api, Refusal::too_many_bytes,
                      "the script does not read the answers to its calls; try again later");
  const bool goes_on = calls.unanswered() <= answers.size();
  if (goes_on && calls.take_place) {
    const Deadline patience = Clock::now() + std::chrono::milliseconds(job->request.timeout_ms);
    Cancellation waiting;
    const auto stop = [&waiting] { waiting.request(Cancellation::By::client); };
    const auto tied = exchange.cancellation().listen(stop);
    const PendingCalls::Answering answering(calls, stop);
    auto taking = calls.take_place(patience, waiting);
    const bool has_place = co_await std::move(taking);
    if (!has_place && !calls.is_closed() && !job->outcome)
      co_return refused(api, Refusal::no_worker,
                        "too many jobs run for this one to go on; try again later");
  }
  if (job->outcome) co_return std::nullopt;
  calls.answer(answers);
  if (!calls.is_waiting())
    job->places = std::make_shared<JobPlaces>(JobPlaces{std::move(running), *std::move(permit)});
  co_return std::nullopt;
}

awaitable<void> gather(RunningJob& job) {
  const Deadline end = Clock::now() + kGather;
  while (!job.outcome && job.calls().may_follow() && Clock::now() < end)
    co_await job.news.wait_until(end);
}

}  // namespace

awaitable<Response> attend(Api& api, Exchange& exchange, std::shared_ptr<RunningJob> job) {
  std::optional tied = end_together(exchange, job);
  // Nobody would have the token: it may have left just now, so that the job is not ended yet.
  while (!job->outcome && (!job->has_calls() || exchange.is_client_gone())) {
    co_await job->news.wait_until(Deadline::max());
    if (job->has_calls()) co_await gather(*job);  // it may have reported meanwhile
  }
  tied.reset();
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  Response response;
  if (job->outcome) {
    api.engine.tool_jobs.end(job);
    const Outcome& outcome = *job->outcome;
    exchange.record().add_job(outcome);
    const auto tell = [&] { return outcome_response(outcome, *job->output, job->request); };
    response = co_await api.offload.run(answer_bytes(outcome, *job->output), tell);
  } else {
    const std::vector<ToolCall> calls = job->calls().announce();
    const std::string token = api.engine.tool_jobs.park(job, calls);
    job->places.reset();
    const JobOutput so_far = *job->output;  // the job may go on printing
    const auto tell = [&] { return calls_response(token, calls, so_far, job->request); };
    const std::uint64_t bytes = size_of(calls) + so_far.standard.text().size();
    response = co_await api.offload.run(bytes, tell);
    response.on_lost = [&api, job] {
      job->cancellation.request(Cancellation::By::client);
      api.engine.tool_jobs.end(job);
    };
  }
  response.begun_ns = begun_ns;
  co_return response;
}

awaitable<std::optional<Response>> continue_job(Api& api, Exchange& exchange,
                                                Access::Running running) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  const auto read = [&] { return parse_continue(*body, api.engine.caps); };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  ToolJobs& jobs = api.engine.tool_jobs;
  const auto found = jobs.find(request->token, exchange.owner());
  if (!found && found.error().kind == OutcomeKind::busy)
    co_return refused(api, Refusal::no_worker, found.error().error);
  if (!found)
    co_return execute_error(found.error().kind, outcome_status(found.error().kind),
                            found.error().error);
  ToolJobs::Group& group = **found;
  if (const auto problem = problem_with(request->answers, group.numbers))
    co_return refused({400, *problem});
  const std::shared_ptr<RunningJob> job = group.job;
  if (!job->outcome) {
    group.is_being_answered = true;
    auto resuming = resume(api, exchange, job, request->answers, std::move(running));
    auto refusal = co_await std::move(resuming);
    if (refusal) {
      jobs.put_back(request->token);
      co_return refusal;
    }
  }
  jobs.use(request->token);
  if (job->caller == RunningJob::Caller::asks_again) {
    auto attending = attend(api, exchange, job);
    co_return co_await std::move(attending);
  }
  ObjectWriter members;
  members.number("accepted", request->answers.size());
  Response response = {202, members.object()};
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::ok));
  response.outcome = OutcomeKind::ok;
  co_return response;
}

}  // namespace pyexec
