#include "server/api/execute.h"

#include "sandbox/base/phases.h"
#include "server/api/live.h"
#include "server/api/queue/deliver.h"
#include "server/engine/perform.h"
#include "server/job/job_request.h"
#include "server/telemetry/log.h"

namespace pyexec {
namespace {

// Pub/Sub's ids have 17 digits; names of queues and tasks have up to 600 characters.
constexpr std::size_t kMostNameBytes = 1024;
constexpr const char* kTooLong = "the id of the message, or the name of its queue, is too long";

bool is_too_long(const QueueMessage& message) {
  return message.id.size() > kMostNameBytes || message.queue.size() > kMostNameBytes;
}

struct Arrived {
  JobRequest request;
  std::optional<QueueMessage> message;  // that it came in
  std::optional<Sha256> name;           // of that
};

Response refused(const BadRequest& problem) {
  Response response = execute_error(OutcomeKind::invalid_request, problem.status, problem.message);
  if (!problem.hint.empty()) response.headers.emplace_back("Pyexec-Hint", problem.hint);
  return response;
}

boost::system::result<Arrived, BadRequest> arrived(Exchange& exchange, std::string_view body,
                                                   const JobCaps& caps) {
  const std::string& key = exchange.record().key;
  auto request = parse_job(body, caps);
  auto message = queue_message_of(exchange.head());
  if (request) {
    if (message && is_too_long(*message)) return BadRequest{400, kTooLong};
    auto name = message ? Deliveries::name_of(*message, body, key) : std::nullopt;
    return Arrived{*std::move(request), std::move(message), name};
  }
  auto wrapped = unwrap(body);
  if (!wrapped) return request.error();
  if (!*wrapped) return wrapped->error();
  if (is_too_long((*wrapped)->message)) return BadRequest{400, kTooLong};
  request = parse_job((*wrapped)->job, caps);
  if (!request) return request.error();
  const auto name = Deliveries::name_of((*wrapped)->message, (*wrapped)->job, key);
  return Arrived{*std::move(request), std::move((*wrapped)->message), name};
}

using Taken = Metrics::Taken;

void count_put_back(Service& service, const std::optional<QueueMessage>& message) {
  if (message) service.metrics.count_message(message->source, Taken::put_back);
}

Response refuse(Service& service, const Arrived& job, Refusal reason, std::string_view why) {
  service.metrics.count_refusal(reason);
  count_put_back(service, job.message);
  return busy_response(why);
}

// A message's, while its job is run.
struct Hold {
  Deliveries::Turn turn;
  std::optional<ResultRoom> room;
};

// Nothing, and a hold, where the message is to be run.
std::optional<Response> answered_already(Service& service, const Arrived& job,
                                         std::optional<Hold>& hold) {
  Metrics& metrics = service.metrics;
  const QueueMessage& message = *job.message;
  auto room = tells_log(service) ? ResultRoom::take() : std::nullopt;
  if (tells_log(service) && !room)
    return refuse(service, job, Refusal::log_full, "the log is behind; try again later");
  if (!job.name) throw std::runtime_error("SHA-256 cannot be had");
  auto begun = service.deliveries.begin(*job.name, Clock::now());
  if (const auto* outcome = std::get_if<OutcomeKind>(&begun)) {
    metrics.count_message(message.source, Taken::duplicate);
    return delivered_before(message, *outcome);
  }
  if (std::holds_alternative<Deliveries::InWork>(begun)) {
    metrics.count_message(message.source, Taken::in_work);
    metrics.count_refusal(Refusal::duplicate);
    return busy_response("this message is being worked on; try again later");
  }
  hold.emplace(std::get<Deliveries::Turn>(std::move(begun)), std::move(room));
  return std::nullopt;
}

}  // namespace

awaitable<std::optional<Response>> execute(Service& service, Exchange& exchange) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();

  sandbox::Lap lap;
  const auto read = [&] { return arrived(exchange, *body, service.job_caps); };
  auto job = co_await service.offload.run(body->size(), read);
  if (!job) co_return refused(job.error());
  const JobRequest& request = job->request;
  if (const auto problem = problem_with_job(service, request)) co_return refused({400, *problem});
  RequestRecord& record = exchange.record();
  service.metrics.observe(RequestPhase::parse, record.phases[RequestPhase::parse] = lap.ns());

  std::optional<Hold> hold;
  if (job->message) {
    record.message_id = job->message->id;
    if (auto answer = answered_already(service, *job, hold)) co_return answer;
  }
  if (service.is_over)
    co_return refuse(service, *job, Refusal::stopping, "the service stops; try again");
  if (!service.unread_answers.make_room_for(exchange.owner()))
    co_return refuse(service, *job, Refusal::too_many_bytes,
                     "too many answers wait for this client to read them; try again later");
  auto permit = service.admission.try_admit();
  if (!permit)
    co_return refuse(service, *job, Refusal::queue_full,
                     "too many jobs are running and waiting; try again later");
  service.batch_share.single_came();
  service.metrics.observe(RequestPhase::admit, record.phases[RequestPhase::admit] = lap.ns());

  const auto format = hold ? std::nullopt : live_format(exchange.head());
  if (format) {
    LiveRequest live = {std::move(job->request), *format, *std::move(permit)};
    co_await perform_live(service, exchange, std::move(live));
    co_return std::nullopt;
  }
  const auto output = output_for(request);
  const Outcome outcome =
      co_await perform(service, request, Rank::single, output, exchange.cancellation());
  record.add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  Response response;
  const std::uint64_t bytes = answer_bytes(outcome, *output);
  if (hold && is_final(outcome, request)) {
    const auto tell = [&] { return delivery_answer(*job->message, outcome, *output, request); };
    std::string told = co_await service.offload.run(bytes, tell);
    response = {200, std::move(told)};
    if (hold->room) tell_log(*std::move(hold->room), *job->message, response.body);
    service.metrics.count_answer(outcome.kind);
    hold->turn.end(outcome.kind, Clock::now());
    service.metrics.count_message(job->message->source, Taken::run);
  } else if (hold && outcome.kind == OutcomeKind::time_limit) {
    response = refuse(service, *job, Refusal::no_worker,
                      "a worker became free too late for the job's time; try again later");
  } else {
    count_put_back(service, job->message);
    const auto tell = [&] { return outcome_response(outcome, *output, request); };
    response = co_await service.offload.run(bytes, tell);
  }
  response.begun_ns = begun_ns;
  co_return response;
}

}  // namespace pyexec
