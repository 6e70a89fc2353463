#include "server/api/jobs.h"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "server/base/whole_number.h"
#include "server/http/quality.h"
#include "server/job/answer.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;

constexpr std::uint64_t kMostWaitSeconds = 60;

// Returns the value of a preference (RFC 7240), "" if it has none; nullopt if it is not stated.
std::optional<std::string> preference(const Exchange::Head& head, std::string_view wanted) {
  const std::string all = joined(head, http::field::prefer);
  for (std::string_view rest = all; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const std::string_view token = item.substr(0, item.find(';'));
    const std::size_t equals = std::min(token.find('='), token.size());
    if (!boost::iequals(boost::trim_copy(std::string(token.substr(0, equals))), wanted)) continue;
    return boost::trim_copy(std::string(token.substr(std::min(token.size(), equals + 1))));
  }
  return std::nullopt;
}

Response waits(const std::string& id) {
  ObjectWriter members;
  members.text("job", id);
  Response response = {outcome_status(OutcomeKind::accepted), members.object()};
  response.outcome = OutcomeKind::accepted;
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::accepted));
  response.headers.emplace_back("Location", "/jobs/" + id);
  return response;
}

Response no_job(const Outcome& outcome) {
  return execute_error(outcome.kind, outcome_status(outcome.kind), outcome.error);
}

// What the job was sent with, which no request holds any more.
struct InputRoom {
  InputRoom(Shares& shares, std::string whose) : subject(std::move(whose)), hold(shares, subject) {}
  const std::string subject;
  Shares::Hold hold;
};

// Makes the answer of a job that has ended, and keeps it. record: of the request that began it.
awaitable<void> keep_answer(Api& api, std::shared_ptr<RunningJob> job, RequestRecord record) {
  while (!job->outcome) co_await job->news.wait_until(Deadline::max());
  const Outcome& outcome = *job->outcome;
  const auto tell = [&] { return outcome_response(outcome, *job->output, job->request); };
  Response answer = co_await api.offload.run(answer_bytes(outcome, *job->output), tell);
  const auto client = client_of(job->cancellation);
  api.metrics.count_answer(outcome.kind, record.key, client);
  record.add_job(outcome);
  record.status = client == Metrics::Client::gone ? 0 : answer.status;
  record.ended_ns = sandbox::monotonic_ns();
  api.http.request_log.write_job(record);
  answer.outcome.reset();  // it is counted once, however often it is asked for
  api.engine.kept_jobs.finish(record.job, std::move(answer));
}

}  // namespace

bool prefers_async(const Exchange::Head& head) {
  return preference(head, "respond-async").has_value();
}

Response begin_kept_job(Api& api, Exchange& exchange, JobRequest request, BegunJob begun) {
  request.owner = exchange.owner();
  const auto output = output_for(request, api.engine.caps);
  const auto job = std::make_shared<RunningJob>(api.executor, std::move(request), output);
  const auto id = api.engine.kept_jobs.begin(job);
  if (!id) return refused(api, Refusal::job_limit, id.error().error);
  // It was let in as the body of the request, whose room is given back with this answer.
  const auto input = std::make_shared<InputRoom>(api.http.body_room, job->request.owner);
  input->hold.take(job->request.job.bytes());
  begun.places.input = input;
  job->places = std::make_shared<JobPlaces>(std::move(begun.places));
  run_beside(api, job, begun.run);
  const auto keep_failure = [&api, name = *id](std::exception_ptr exception) {
    if (exception)  // no memory for the answer: whoever waits is told so
      api.engine.kept_jobs.finish(name,
                                  execute_error(OutcomeKind::internal, 500, "internal error"));
  };
  exchange.record().job = *id;
  net::co_spawn(api.executor, keep_answer(api, job, exchange.record()), keep_failure);
  Response response = waits(*id);
  response.headers.emplace_back("Preference-Applied", "respond-async");
  return response;
}

awaitable<std::optional<Response>> show_job(Api& api, Exchange& exchange, std::string_view name) {
  const std::string id(name);
  KeptJobs& jobs = api.engine.kept_jobs;
  const auto wanted = parse_whole(preference(exchange.head(), "wait").value_or("0"));
  const std::uint64_t seconds = wanted.is == WholeNumber::Is::value ? wanted.value : 0;
  const Deadline end = Clock::now() + std::chrono::seconds(std::min(seconds, kMostWaitSeconds));
  for (;;) {
    const auto entry = jobs.find(id, exchange.owner());
    if (!entry) co_return no_job(entry.error());
    if (const auto answer = (*entry)->answer) {
      // "busy" would say that the job has not run.
      if (!api.http.unread_answers.make_room_for(exchange.owner()) ||
          !exchange.hold(answer->body.size())) {
        api.metrics.count_refusal(Refusal::too_many_bytes);
        Response refusal = execute_error(
            OutcomeKind::rate_limited, 429,
            "this client does not read the answers that it has asked for; try again later");
        refusal.headers.emplace_back("Retry-After", "1");
        co_return refusal;
      }
      jobs.was_told(id);
      const auto copy = [&] { return *answer; };
      co_return co_await api.offload.run(answer->body.size(), copy);
    }
    if (Clock::now() >= end || exchange.cancellation().requested()) break;
    const std::shared_ptr<Broadcast> news = (*entry)->news;
    const auto leaving = exchange.cancellation().listen([&news] { news->set(); });
    auto waiting = news->wait_until(end);
    co_await std::move(waiting);
  }
  Response response = waits(id);
  response.outcome.reset();  // that of the request that began it was counted
  response.headers.emplace_back("Retry-After", "1");
  co_return response;
}

Response end_job(Api& api, const Exchange& exchange, std::string_view id) {
  const auto entry = api.engine.kept_jobs.find(std::string(id), exchange.owner());
  if (!entry) return no_job(entry.error());
  api.engine.kept_jobs.end(std::string(id));
  return {204, ""};
}

}  // namespace pyexec
