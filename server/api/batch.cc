#include "server/api/batch.h"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "server/api/batch_state.h"
#include "server/http/content_encoding.h"
#include "server/job/answer.h"
#include "server/job/validate_report.h"

namespace pyexec {
namespace {

namespace http = boost::beast::http;
using Form = JsonItems::Form;

struct ContentType {
  std::string_view name;
  Form form;
};
constexpr ContentType kContentTypes[] = {
    {"application/x-ndjson", Form::lines},
    {"application/ndjson", Form::lines},
    {"application/jsonl", Form::lines},
    {"application/json", Form::array},
};

// Beside single requests, a batch's next job waits until the workers used so far are replaced. If
// single requests are so many that the pool is never full, it starts after this time.
constexpr std::chrono::milliseconds kMostPolite{100};

std::optional<Form> form_of(const Exchange::Head& head) {
  const std::string_view sent = head[http::field::content_type];
  const std::string name = boost::trim_copy(std::string(sent.substr(0, sent.find(';'))));
  for (const ContentType& row : kContentTypes)
    if (boost::iequals(name, row.name)) return row.form;
  return std::nullopt;
}

struct BatchJob {
  std::uint64_t index;
  JobRequest request;
  BatchShare::Place place;
  Access::Running running;
};

// Cuts off first, because others wait for it: memory may have run out.
void fail(Batch& batch, const std::exception& error) {
  batch.cut_off();
  try {
    batch.api.log.warn(std::string("a batch is broken off: ") + error.what());
  } catch (const std::exception&) {  // no memory for the log line either
  }
}

awaitable<void> run(std::shared_ptr<Batch> batch, BatchJob job) {
  Cancellation cancellation;
  batch->jobs.insert(&cancellation);
  if (batch->is_broken) cancellation.request(Cancellation::By::client);
  try {
    const auto output = output_for(job.request, batch->api.engine.caps);
    const Outcome outcome =
        co_await batch->api.engine.run(job.request, Rank::batch, output, cancellation);
    const auto tell = [&] {
      ObjectWriter members =
          batch_entry(job.index, job.request.id_json, outcome.kind, outcome_status(outcome.kind));
      add_answer(members, outcome, *output, job.request);
      return members;
    };
    const std::uint64_t bytes = answer_bytes(outcome, *output);
    ObjectWriter members = co_await batch->api.offload.run(bytes, tell);
    batch->add(job.index, outcome.kind, std::move(members));
  } catch (const std::exception& error) {
    fail(*batch, error);  // without this entry the answer must not look complete
  }
  batch->jobs.erase(&cancellation);
  --batch->running;
  batch->more_answer.set();
}

// Begins the job of a line once there is a place for it.
awaitable<void> begin(std::shared_ptr<Batch> batch, JobRequest request,
                      const Principal& principal) {
  auto running = co_await batch->api.access.await_place(principal, batch->exchange.cancellation());
  auto place = co_await batch->api.engine.batch_share.take();
  if (batch->is_closing()) co_return;
  if (batch->api.engine.batch_share.has_company())
    co_await batch->api.engine.pool.wait_full(Clock::now() + kMostPolite);
  if (batch->is_closing()) co_return;
  ++batch->running;
  BatchJob job = {batch->read++, std::move(request), std::move(place), std::move(running)};
  net::co_spawn(co_await net::this_coro::executor, run(batch, std::move(job)), net::detached);
}

void take_defaults(Batch& batch, JobRequest request, std::uint64_t bytes) {
  batch.has_defaults = true;
  batch.progress_ms = request.progress_ms;
  batch.defaults = std::move(request);
  batch.defaults.line = JobRequest::Line::job;
  batch.defaults.progress_ms = 0;
  batch.defaults_bytes = bytes;
  batch.more_answer.set();  // starts the clock of progress lines
}

awaitable<void> take_item(std::shared_ptr<Batch> batch, JsonItems::Item item,
                          const Principal& principal) {
  using Line = JobRequest::Line;
  // A malformed line costs the service something, too.
  co_await batch->api.access.await_token(principal, batch->exchange.cancellation());
  if (item.what != JsonItems::Item::What::item) {
    const bool is_large = item.what == JsonItems::Item::What::too_large;
    co_return batch->refuse("null", is_large ? 413 : 400, item.text);
  }
  const auto parse = [&] { return parse_batch_line(item.text, batch->caps, batch->defaults); };
  const std::uint64_t line_bytes = item.text.size() + batch->defaults_bytes;
  auto parsed = co_await batch->api.offload.run(line_bytes, parse);
  if (!parsed) {
    const BadRequest& problem = parsed.error();
    if (problem.line == Line::defaults) batch->defaults_problem = problem.message;
    co_return batch->refuse(problem.id_json, problem.status, problem.message);
  }
  JobRequest request = *std::move(parsed);
  const std::uint64_t bytes = std::exchange(item.text, {}).size();
  if (request.line == Line::defaults) {
    if (batch->read > 0 || batch->has_defaults)
      co_return batch->refuse(request.id_json, 400, "a line with 'defaults' must be the first");
    co_return take_defaults(*batch, std::move(request), bytes);
  }
  // The job must not run with other limits, or another script, than it was meant to have.
  if (batch->defaults_problem)
    co_return batch->refuse(request.id_json, 400,
                            "the line with 'defaults' was refused: " + *batch->defaults_problem);
  if (const auto problem = batch->api.engine.problem_with(request))
    co_return batch->refuse(request.id_json, 400, *problem);
  request.owner = batch->exchange.owner();
  batch->api.engine.templates.clamp(request);
  co_await begin(batch, std::move(request), principal);
}

// Waits until the client, or others of the same owner, have read enough of their answers.
awaitable<void> wait_for_room(Batch& batch) {
  const Shares::Watch watch(batch.api.http.answer_room, [&] { batch.less_answer.set(); });
  while (!batch.is_closing() && batch.is_full())
    co_await batch.less_answer.wait_until(Deadline::max());
}

awaitable<void> read(std::shared_ptr<Batch> batch, Form form, const Principal& principal) {
  Api& api = batch->api;
  const auto executor = co_await net::this_coro::executor;
  JsonItems items(form, largest_body_bytes(api.engine.caps));
  Shares::Hold room(api.http.body_room, principal.subject);
  std::string piece;
  for (auto state = Exchange::Body::more; state == Exchange::Body::more; piece.clear()) {
    state = co_await batch->exchange.read_body(piece);
    if (state == Exchange::Body::broken) co_return batch->cut_off();
    if (state == Exchange::Body::stopped) co_return;
    if (state == Exchange::Body::malformed) {
      batch->refuse("null", 400, kNotGzip);
      break;
    }
    items.push(piece);
    if (state == Exchange::Body::complete) items.end();
    // No line can be answered with this: running jobs are answered, then the answer breaks off.
    if (!room.resize(items.bytes() + batch->defaults_bytes)) {
      api.metrics.count_refusal(Refusal::too_many_bytes);
      api.log.warn("a batch is broken off: too many bytes of requests are being read");
      co_return;
    }
    while (auto item = items.next()) {
      co_await take_item(batch, *std::move(item), principal);
      co_await wait_for_room(*batch);
      if (batch->is_closing()) co_return;
      co_await net::post(executor, kAsTuple);  // others run between two lines
    }
  }
  batch->is_whole = true;
}

awaitable<void> write_all(std::shared_ptr<Batch> batch) {
  Deadline next_progress = Deadline::max();
  for (bool is_last = false; !is_last;) {
    if (batch->progress_ms > 0 && next_progress == Deadline::max())
      next_progress = Clock::now() + std::chrono::milliseconds(batch->progress_ms);
    co_await batch->more_answer.wait_until(next_progress);
    if (Clock::now() >= next_progress) {
      batch->add_progress();
      next_progress += std::chrono::milliseconds(batch->progress_ms);
    }
    is_last = batch->running == 0 && (batch->is_read || batch->api.lifecycle.is_draining());
    const bool is_complete = is_last && batch->is_whole && !batch->is_broken;
    if (is_complete) {
      if (batch->progress_ms > 0) batch->add_progress();
      batch->answer.end();
    }
    const std::string text = batch->answer.take();
    batch->sending_bytes = text.size();
    const bool is_sent = co_await batch->exchange.write(text);
    batch->sending_bytes = 0;
    batch->less_answer.set();
    if (!is_sent) batch->cut_off();
    batch->is_told = is_complete && is_sent;
  }
}

// While the service is draining, waits neither for a client that has stopped sending nor for a
// token.
void stop_reader(Batch& batch) {
  if (batch.is_broken) return batch.exchange.break_off();
  batch.client_watch.reset();
  batch.exchange.cancellation().request(Cancellation::By::service);
  batch.exchange.stop_reading();
}

// Sends what there is until everything is sent or the client is gone.
awaitable<void> write(std::shared_ptr<Batch> batch) {
  try {
    co_await write_all(batch);
  } catch (const std::exception& error) {
    fail(*batch, error);
  }
  if (!batch->is_read) stop_reader(*batch);
  batch->written.set();
}

}  // namespace

awaitable<std::optional<Response>> execute_batch(Api& api, Exchange& exchange,
                                                 const Principal& principal) {
  const auto form = form_of(exchange.head());
  if (!form)
    co_return execute_error(OutcomeKind::invalid_request, 415,
                            "Content-Type must be application/x-ndjson or application/json");
  if (api.lifecycle.is_draining()) {
    api.metrics.count_refusal(Refusal::stopping);
    co_return busy_response("the service stops; try again");
  }
  const auto executor = co_await net::this_coro::executor;
  const auto batch = std::make_shared<Batch>(executor, api, exchange, *form);
  batch->client_watch.emplace(
      exchange.cancellation().listen([&the_batch = *batch] { the_batch.cut_off(); }));
  Response head = {200, ""};
  head.content_type = *form == Form::lines ? "application/x-ndjson" : "application/json";
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  if (!co_await exchange.begin(std::move(head))) batch->cut_off();
  net::co_spawn(executor, write(batch), net::detached);
  try {
    co_await read(batch, *form, principal);
  } catch (const std::exception& error) {
    fail(*batch, error);
  }
  batch->is_read = true;
  batch->more_answer.set();
  co_await batch->written.wait();
  // Jobs may still be finishing.
  while (batch->running > 0) co_await batch->more_answer.wait_until(Deadline::max());
  batch->client_watch.reset();
  exchange.record().batch_done = batch->done;
  exchange.record().batch_failed = batch->failed;
  if (batch->is_broken)
    exchange.break_off();
  else if (!batch->is_told)
    co_await exchange.leave_off();
  co_return std::nullopt;
}

}  // namespace pyexec
