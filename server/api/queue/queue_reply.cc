#include "server/api/queue/queue_reply.h"

#include "server/api/entrance.h"
#include "server/api/single_job.h"
#include "server/job/answer.h"
#include "server/telemetry/log.h"

namespace pyexec {
namespace {

using Taken = Metrics::Taken;

// Pub/Sub ids have 17 digits. Names of queues and tasks have up to 600 characters.
constexpr std::size_t kMostNameBytes = 1024;
// Cloud Logging takes entries of up to 256 KiB.
constexpr std::size_t kMostLoggedBytes = 200 << 10;
constexpr std::size_t kBesideAnswer = 20 << 10;  // the names, escaped
static_assert(kMostLoggedBytes + kBesideAnswer <= Log::kMostResultBytes);
// A job that waited for more than a tenth of its time did not get the time it was meant to have.
constexpr std::uint64_t kMostWaitShare = 10;

ObjectWriter entry(const QueueMessage& message, OutcomeKind outcome, const char* is_duplicate) {
  ObjectWriter members;
  members.text("message_id", message.id);
  members.json("duplicate", is_duplicate);
  members.text("outcome", outcome_name(outcome));
  members.number("status", outcome_status(outcome));
  return members;
}

// Whether results go to the log.
bool tells_log(const Api& api) {
  return api.settings.push_results == PushResults::log;
}

// Whether running the job again could not change its outcome.
bool is_final(const Outcome& outcome, const JobRequest& request) {
  constexpr std::uint64_t kNsInMs = 1'000'000;
  if (outcome.kind == OutcomeKind::time_limit)
    return outcome.usage.queue_ns < request.timeout_ms * kNsInMs / kMostWaitShare;
  // An instance that has the template may get it next.
  return outcome.kind != OutcomeKind::busy && outcome.kind != OutcomeKind::internal &&
         outcome.kind != OutcomeKind::unknown_template;
}

// Returns the body of an answer with status 200: the job's outcome.
std::string delivery_answer(const QueueMessage& message, const Outcome& outcome,
                            const JobOutput& output, const JobRequest& request) {
  ObjectWriter members = entry(message, outcome.kind, "false");
  add_answer(members, outcome, output, request);
  return members.object();
}

// Returns the same as a log line. The answer is JSON made by the server, in a member of its own:
// whatever a script returned or printed, it cannot forge other members of the line.
std::string log_entry(const QueueMessage& message, const std::string& answer) {
  ObjectWriter line;
  line.text("severity", "INFO");
  line.text("time", log_time());
  line.text("message", "a message of a queue has been answered");
  line.text("queue", message.queue);
  line.text("message_id", message.id);
  if (answer.size() <= kMostLoggedBytes)
    line.json("answer", answer);
  else
    line.number("answer_is_too_large_bytes", answer.size());
  return line.object();
}

// Answers 200 to a message that was delivered before.
Response delivered_before(const QueueMessage& message, OutcomeKind outcome) {
  return {200, entry(message, outcome, "true").object()};
}

struct Delivery {
  QueueMessage message;
  JobRequest request;
  std::optional<Sha256> name;
};

boost::system::result<Delivery, BadRequest> read_delivery(Exchange& exchange, std::string_view body,
                                                          MessageSource source,
                                                          const JobCaps& caps) {
  auto wrapped = unwrap(source, exchange.head(), body);
  if (!wrapped) return wrapped.error();
  auto& [message, job] = *wrapped;
  if (message.id.size() > kMostNameBytes || message.queue.size() > kMostNameBytes)
    return BadRequest{400, "the id of the message, or the name of its queue, is too long"};
  auto request = parse_job(job, caps);
  if (!request) return request.error();
  if (!request->tools.empty())
    return BadRequest{400, "'tools' field: nobody would answer the calls of a message's job"};
  if (request->displays == JobRequest::Displays::if_any) {  // the log is no place for pictures
    request->displays = JobRequest::Displays::none;
    request->job.options.displays_count = 0;
  }
  const auto name = DedupCache::name_of(message, job, exchange.record().key);
  return Delivery{std::move(message), *std::move(request), name};
}

// Held for a message while its job runs.
struct Hold {
  DedupCache::Turn turn;
  std::optional<Log::Reservation> room;
};

// Returns the hold if the message is to be run, otherwise the response to send instead.
boost::system::result<Hold, Response> begin(Api& api, const Delivery& delivery) {
  Metrics& metrics = api.metrics;
  const QueueMessage& message = delivery.message;
  auto room = tells_log(api) ? api.log.reserve_result() : std::nullopt;
  if (tells_log(api) && !room) {
    metrics.count_message(message.source, Taken::put_back);
    return refused(api, Refusal::log_full, "the log is behind; try again later");
  }
  if (!delivery.name) throw std::runtime_error("SHA-256 cannot be had");
  auto begun = api.dedup_cache.begin(*delivery.name, Clock::now());
  if (const auto* outcome = std::get_if<OutcomeKind>(&begun)) {
    metrics.count_message(message.source, Taken::duplicate);
    return delivered_before(message, *outcome);
  }
  if (std::holds_alternative<DedupCache::InWork>(begun)) {
    metrics.count_message(message.source, Taken::in_work);
    return refused(api, Refusal::duplicate, "this message is being worked on; try again later");
  }
  return Hold{std::get<DedupCache::Turn>(std::move(begun)), std::move(room)};
}

}  // namespace

awaitable<std::optional<Response>> deliver(Api& api, Exchange& exchange, MessageSource source) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();

  sandbox::Lap lap;
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&] { return read_delivery(exchange, *body, source, caps); };
  auto delivery = co_await api.offload.run(body->size(), read);
  if (!delivery) co_return refused(delivery.error());
  delivery->request.owner = exchange.owner();
  api.engine.templates.clamp(delivery->request);
  const JobRequest& request = delivery->request;
  const QueueMessage& message = delivery->message;
  if (const auto problem = api.engine.problem_with(request)) co_return refused({400, *problem});
  RequestRecord& record = exchange.record();
  record.message_id = message.id;
  api.metrics.observe(RequestPhase::parse, record.phases[RequestPhase::parse] = lap.ns());

  auto hold = begin(api, *delivery);
  if (!hold) co_return hold.error();
  const auto permit = admit(api, exchange, lap);
  if (!permit) {
    api.metrics.count_message(source, Taken::put_back);
    co_return permit.error();
  }
  const auto output = output_for(request, api.engine.caps);
  const Outcome outcome =
      co_await api.engine.run(request, Rank::single, output, exchange.cancellation());
  record.add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  const std::uint64_t bytes = answer_bytes(outcome, *output);
  Response response;
  if (is_final(outcome, request)) {
    const auto tell = [&] { return delivery_answer(message, outcome, *output, request); };
    std::string told = co_await api.offload.run(bytes, tell);
    response = {200, std::move(told)};
    if (hold->room) api.log.write_result(*std::move(hold->room), log_entry(message, response.body));
    api.metrics.count_answer(outcome.kind, exchange.record().key);
    hold->turn.end(outcome.kind, Clock::now());
    api.metrics.count_message(source, Taken::run);
  } else {
    api.metrics.count_message(source, Taken::put_back);
    const auto tell = [&] { return outcome_response(outcome, *output, request); };
    if (outcome.kind == OutcomeKind::time_limit)
      response = refused(api, Refusal::no_worker,
                         "a worker became free too late for the job's time; try again later");
    else
      response = co_await api.offload.run(bytes, tell);
  }
  response.begun_ns = begun_ns;
  co_return response;
}

const char* queue_path_of(const Exchange::Head& head) {
  if (head.count("X-CloudTasks-TaskName") > 0) return "/queue/tasks";
  return head.count("x-goog-pubsub-message-id") > 0 ? "/queue/pubsub" : nullptr;
}

}  // namespace pyexec
