#include "server/batch.h"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <set>

#include "server/batch_answer.h"
#include "server/judge.h"
#include "server/log.h"
#include "server/perform.h"

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

// Beside single requests the jobs of batches do not overlap with the making of the workers that
// they have used; but where there are so many of those that the pool is never full, batches go on
// too.
constexpr std::chrono::milliseconds kMostPolite{100};

std::optional<Form> form_of(const Exchange::Head& head) {
  const std::string_view sent = head[http::field::content_type];
  const std::string name = boost::trim_copy(std::string(sent.substr(0, sent.find(';'))));
  for (const ContentType& row : kContentTypes)
    if (boost::iequals(name, row.name)) return row.form;
  return std::nullopt;
}

// Shared by the coroutines of one batch.
struct Batch {
  Batch(net::any_io_executor executor, Service& the_service, Exchange& the_exchange, Form form)
      : service(the_service),
        exchange(the_exchange),
        answer(form),
        defaults(plain_request(the_service.job_caps)),
        more_answer(executor),
        less_answer(executor),
        written(executor) {
    service.drain_watchers.insert(&more_answer);
  }
  ~Batch() { service.drain_watchers.erase(&more_answer); }

  bool is_cut_off() const { return is_broken; }
  // Nobody takes the answer: whatever still runs ends.
  void cut_off() {
    if (std::exchange(is_broken, true)) return;
    for (Cancellation* job : std::set(jobs)) job->request();
    more_answer.set();
    less_answer.set();
  }

  Service& service;
  Exchange& exchange;
  BatchAnswer answer;
  JobRequest defaults;
  std::uint64_t read = 0, done = 0, failed = 0, running = 0;
  std::uint64_t progress_ms = 0;
  bool has_defaults = false;
  std::optional<std::string> defaults_problem;
  bool is_whole = false;   // all of the body was read
  bool is_read = false;    // no job begins any more
  bool is_broken = false;  // the client is gone
  std::set<Cancellation*> jobs;
  Signal more_answer, less_answer;
  Event written;
};

// One entry of the answer: where it belongs, then the members of an answer of /execute.
Members entry(std::uint64_t index, std::string_view id_json, OutcomeKind outcome) {
  Members members;
  members.number("index", index);
  members.json("id", id_json);
  members.text("outcome", outcome_name(outcome));
  members.number("status", outcome_status(outcome));
  return members;
}

void add(Batch& batch, std::uint64_t index, OutcomeKind outcome, Members members) {
  batch.answer.add(index, members.object());
  ++batch.done;
  if (outcome != OutcomeKind::ok) ++batch.failed;
  batch.service.metrics.count_answer(outcome);
  batch.more_answer.set();
}

void refuse(Batch& batch, std::string_view id_json, unsigned status, std::string_view why) {
  const std::uint64_t index = batch.read++;
  Members members;
  members.number("index", index);
  members.json("id", id_json);
  members.text("outcome", outcome_name(OutcomeKind::invalid_request));
  members.number("status", status);
  members.text("error", why);
  add(batch, index, OutcomeKind::invalid_request, std::move(members));
}

void add_progress(Batch& batch) {
  Members inner, note;
  inner.number("read", batch.read);
  inner.number("running", batch.running);
  inner.number("done", batch.done);
  inner.number("failed", batch.failed);
  note.json("progress", inner.object());
  batch.answer.add_note(note.object());
}

struct BatchJob {
  std::uint64_t index;
  JobRequest request;
  BatchShare::Place place;
  Access::Running running;
};

awaitable<void> run(std::shared_ptr<Batch> batch, BatchJob job) {
  Cancellation cancellation;
  batch->jobs.insert(&cancellation);
  if (batch->is_cut_off()) cancellation.request();
  try {
    const auto output = output_for(job.request);
    const Outcome outcome =
        co_await perform(batch->service, job.request, Rank::batch, output, cancellation);
    Members members = entry(job.index, job.request.id_json, outcome.kind);
    add_answer(members, outcome, *output, job.request);
    add(*batch, job.index, outcome.kind, std::move(members));
  } catch (const std::bad_alloc&) {
    batch->cut_off();  // an answer less cannot be told otherwise
  }
  batch->jobs.erase(&cancellation);
  --batch->running;
  batch->more_answer.set();
}

// Of a line that is a job: begins it, once there is a place for it.
awaitable<void> begin(std::shared_ptr<Batch> batch, JobRequest request, const Grant& grant) {
  if (const auto problem = problem_with_job(batch->service, request)) {
    refuse(*batch, request.id_json, 400, *problem);
    co_return;
  }
  auto running = co_await batch->service.access.pace(grant, batch->exchange.cancellation());
  auto place = co_await batch->service.batch_share.take();
  if (batch->service.batch_share.has_company())
    co_await batch->service.pool.wait_full(Clock::now() + kMostPolite);
  if (batch->is_cut_off()) co_return;
  ++batch->running;
  BatchJob job = {batch->read++, std::move(request), std::move(place), std::move(running)};
  net::co_spawn(co_await net::this_coro::executor, run(batch, std::move(job)), net::detached);
}

awaitable<void> take_item(std::shared_ptr<Batch> batch, JsonItems::Item item, const Grant& grant) {
  if (item.what != JsonItems::Item::What::item) {
    const bool is_large = item.what == JsonItems::Item::What::too_large;
    refuse(*batch, "null", is_large ? 413 : 400, item.text);
    co_return;
  }
  auto request = parse_batch_line(item.text, batch->service.job_caps, batch->defaults);
  if (!request && request.error().line == JobRequest::Line::defaults)
    batch->defaults_problem = request.error().message;
  if (!request) {
    refuse(*batch, request.error().id_json, request.error().status, request.error().message);
  } else if (request->line == JobRequest::Line::job && batch->defaults_problem) {
    // Not with other limits, or another script, than it was meant to have.
    refuse(*batch, request->id_json, 400,
           "the line with 'defaults' was refused: " + *batch->defaults_problem);
  } else if (request->line == JobRequest::Line::job) {
    co_await begin(batch, *std::move(request), grant);
  } else if (batch->read > 0 || batch->has_defaults) {
    refuse(*batch, request->id_json, 400, "a line with 'defaults' must be the first");
  } else {
    batch->has_defaults = true;
    batch->progress_ms = request->progress_ms;
    batch->defaults = *std::move(request);
    batch->defaults.line = JobRequest::Line::job;
    batch->defaults.progress_ms = 0;
    batch->more_answer.set();  // for its clock
  }
}

awaitable<void> read(std::shared_ptr<Batch> batch, Form form, const Grant& grant) {
  Service& service = batch->service;
  JsonItems items(form, largest_body_bytes(service.job_caps));
  auto room = *service.body_bytes.try_admit(0);
  for (auto state = Exchange::Body::more; state == Exchange::Body::more;) {
    std::string piece;
    state = co_await batch->exchange.read_body(piece);
    if (state == Exchange::Body::broken) co_return batch->cut_off();
    items.push(piece);
    if (state == Exchange::Body::complete) items.end();
    while (auto item = items.next()) {
      co_await take_item(batch, *std::move(item), grant);
      while (batch->answer.bytes() > kMostWaitingBytes && !batch->is_cut_off())
        co_await batch->less_answer.wait_until(Deadline::max());
      if (batch->is_cut_off() || service.draining) co_return;
    }
    // No line can be told of this: what runs is answered, and the answer then breaks off.
    if (!room.grow(items.bytes())) {
      log_line("a batch is broken off: too many bytes of requests are being read");
      co_return;
    }
  }
  batch->is_whole = true;
}

// Sends what there is, until all is sent, or nobody takes it.
awaitable<void> write(std::shared_ptr<Batch> batch) {
  Deadline next_progress = Deadline::max();
  for (bool is_last = false; !is_last;) {
    if (batch->progress_ms > 0 && next_progress == Deadline::max())
      next_progress = Clock::now() + std::chrono::milliseconds(batch->progress_ms);
    co_await batch->more_answer.wait_until(next_progress);
    if (Clock::now() >= next_progress) {
      add_progress(*batch);
      next_progress += std::chrono::milliseconds(batch->progress_ms);
    }
    is_last = batch->running == 0 && (batch->is_read || batch->service.draining);
    if (is_last && batch->is_whole) {
      if (batch->progress_ms > 0) add_progress(*batch);
      batch->answer.end();
    }
    const std::string text = batch->answer.take();
    batch->less_answer.set();
    if (!co_await batch->exchange.write(text)) batch->cut_off();
  }
  // A client that does not send on, while the service is to end, is not waited for.
  if (!batch->is_read) batch->exchange.break_off();
  batch->written.set();
}

}  // namespace

awaitable<std::optional<Response>> execute_batch(Service& service, Exchange& exchange,
                                                 const Grant& grant) {
  const auto form = form_of(exchange.head());
  if (!form)
    co_return execute_error(OutcomeKind::invalid_request, 415,
                            "Content-Type must be application/x-ndjson or application/json");
  const auto executor = co_await net::this_coro::executor;
  const auto batch = std::make_shared<Batch>(executor, service, exchange, *form);
  exchange.cancellation().listen([batch] { batch->cut_off(); });
  Response head = {200, ""};
  head.content_type = *form == Form::lines ? "application/x-ndjson" : "application/json";
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  if (!co_await exchange.begin(std::move(head))) batch->cut_off();
  net::co_spawn(executor, write(batch), net::detached);
  try {
    co_await read(batch, *form, grant);
  } catch (const std::bad_alloc&) {
    batch->cut_off();
  }
  batch->is_read = true;
  batch->more_answer.set();
  co_await batch->written.wait();
  exchange.cancellation().listen(nullptr);
  if (!batch->is_whole) exchange.break_off();
  co_return std::nullopt;
}

}  // namespace pyexec
