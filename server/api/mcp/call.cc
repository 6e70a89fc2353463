#include "server/api/mcp/call.h"

#include <algorithm>

#include "server/api/entrance.h"
#include "server/api/mcp/result.h"
#include "server/api/sessions.h"
#include "server/api/tools.h"
#include "server/base/utf8.h"
#include "server/http/quality.h"
#include "server/job/answer.h"
#include "server/job/input_rules.h"
#include "server/job/job_defaults.h"

namespace pyexec::mcp {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kNewSession = "new";

// Those that models are shown.
const std::vector<std::string>& images() {
  static const std::vector<std::string> patterns = {"*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp"};
  return patterns;
}

struct Arguments {
  JobRequest request;
  std::string session;  // a handle, "new", or ""
};

// The error is for the model.
boost::system::result<Arguments, BadRequest> parse_arguments(const Message& message,
                                                             const JobCaps& caps) {
  constexpr std::string_view kOfJob[] = {"code", "files", "timeout_ms"};
  ObjectWriter job;
  const auto sent = JsonMembers::of(message.params["arguments"]);
  if (message.params.has("arguments") && !sent) return BadRequest{400, "too many arguments"};
  const JsonMembers arguments = sent.value_or(JsonMembers());
  for (const auto& [name, value] : arguments.all()) {
    if (name == "session") continue;
    if (std::find(std::begin(kOfJob), std::end(kOfJob), name) == std::end(kOfJob))
      return BadRequest{400, "there is no argument " + in_quotes(name) +
                                 "; there are code, files, timeout_ms and session"};
    job.json(name, value);
  }
  if (!arguments.text("code")) return BadRequest{400, "the argument 'code' has to be a string"};
  auto request = parse_cell(job.object(), caps);
  if (!request) return request.error();
  request->detail = AnswerDetail::verbose;
  request->job.options.error_detail = 1;
  const bool has_session = arguments.has("session") && arguments["session"] != "null";
  auto session = arguments.text("session");
  if (has_session && !session) return BadRequest{400, "the argument 'session' has to be a string"};
  return Arguments{*std::move(request), session.value_or("")};
}

void want_images(JobRequest& request, const JobCaps& caps) {
  ReportOptions& options = request.job.options;
  options.return_files = images();
  options.files_bytes = caps.files_bytes;
  options.files_count = caps.files_count;
  options.files_depth = caps.files_depth;
  options.only_new_files = 1;
}

// The session that the arguments name, or why there is none.
awaitable<boost::system::result<std::shared_ptr<Session>, Outcome>> session_for(
    Api& api, Exchange& exchange, const std::string& wanted) {
  Sessions& sessions = api.engine.sessions;
  if (wanted != kNewSession) co_return sessions.find(wanted, exchange.owner());
  JobRequest setup = plain_request(caps_of(api, exchange));
  setup.job.options.is_cell = 1;
  setup.owner = exchange.owner();
  setup.idle_s = static_cast<std::uint64_t>(sessions.limits.idle.count());
  const auto output = output_for(setup, api.engine.caps);
  auto opening = sessions.open(setup, owner_of(exchange), output, exchange.cancellation());
  auto opened = co_await std::move(opening);
  if (!opened.session) co_return std::move(opened.outcome);
  co_return opened.session;
}

std::string event(std::string_view data) {
  return "event: message\ndata: " + std::string(data) + "\n\n";
}

std::string progress_text(std::string_view token, std::uint64_t number, const std::string& text) {
  ObjectWriter params;
  params.json("progressToken", token);
  params.number("progress", number);
  params.text("message", text);
  ObjectWriter out;
  out.text("jsonrpc", "2.0");
  out.text("method", "notifications/progress");
  out.json("params", params.object());
  return out.object();
}

// Output printed within this time is one notification.
constexpr std::chrono::milliseconds kGather{20};

// Tells what the job prints, as it comes, until it has ended.
awaitable<void> tell_progress(Api& api, Exchange& exchange, std::shared_ptr<RunningJob> job,
                              std::string token) {
  constexpr std::size_t kMostBytes = 64 << 10;
  std::size_t sent = 0;
  std::uint64_t count = 0;
  Deadline last_told = Clock::now();
  while (!job->outcome) {
    std::string text;
    if (co_await job->news.wait_until(last_told + api.settings.ping)) {
      const Deadline end = Clock::now() + kGather;
      while (!job->outcome && Clock::now() < end) co_await job->news.wait_until(end);
      std::string_view rest = job->output->standard.text();
      rest.remove_prefix(std::min(sent, rest.size()));
      rest = without_cut_character(rest.substr(0, kMostBytes));
      sent += rest.size();
      if (!rest.empty()) text = event(progress_text(token, ++count, to_valid_utf8(rest)));
    }
    if (text.empty() && Clock::now() >= last_told + api.settings.ping) text = ": ping\n\n";
    if (text.empty()) continue;
    last_told = Clock::now();
    const bool is_there = co_await exchange.write(text);
    if (!is_there) exchange.cancellation().request(Cancellation::By::client);
  }
}

bool takes_events(const Exchange::Head& head) {
  return joined(head, http::field::accept).find("text/event-stream") != std::string::npos;
}

struct Call {
  Message message;
  JobRequest request;
  RunJob run;
  std::string session = "";  // its handle, or ""
  bool is_new_session = false;
};

Response not_admitted(const Message& message) {
  return result_response(
      message, failed_result(message, "too many jobs are running and waiting; try again later"));
}

awaitable<bool> begin_events(Exchange& exchange) {
  Response head = {200, ""};
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  co_return co_await exchange.begin(std::move(head));
}

// place: among the jobs that are admitted.
awaitable<std::optional<Response>> run_call(Api& api, Exchange& exchange, Call call,
                                            JobPlaces places) {
  const Message& message = call.message;
  const auto output = output_for(call.request, api.engine.caps);
  const auto job = std::make_shared<RunningJob>(api.executor, std::move(call.request), output);
  job->places = std::make_shared<JobPlaces>(std::move(places));
  const std::string token(message.meta["progressToken"]);
  const bool streams = is_id(token) && takes_events(exchange.head());
  if (streams)
    output->on_more = [weak = std::weak_ptr(job)] {
      if (const auto alive = weak.lock()) alive->news.set();
    };
  std::optional ended_with = end_together(exchange, job);
  run_beside(api, job, call.run);
  try {
    if (streams) {
      const bool is_there = co_await begin_events(exchange);
      if (!is_there) exchange.cancellation().request(Cancellation::By::client);
      auto telling = tell_progress(api, exchange, job, token);
      co_await std::move(telling);
    }
  } catch (const std::bad_alloc&) {
    exchange.cancellation().request(Cancellation::By::service);
  }
  while (!job->outcome) co_await job->news.wait_until(Deadline::max());
  output->on_more = nullptr;
  ended_with.reset();
  exchange.record().add_job(*job->outcome);
  // Nobody knows of a session whose first answer was not heard, or has run nothing.
  const auto end_new_session = [&api, id = call.is_new_session ? call.session : ""] {
    if (!id.empty()) api.engine.sessions.end(id, SessionEnd::deleted);
  };
  if (exchange.is_client_gone() || job->outcome->kind == OutcomeKind::busy) end_new_session();
  const std::uint64_t bytes = answer_bytes(*job->outcome, *output);
  const auto tell = [&] {
    return result_text(message, job_result(message, *job->outcome, *output, call.session));
  };
  std::string text = co_await api.offload.run(bytes, tell);
  if (!streams) {
    Response response = {200, std::move(text)};
    response.outcome = job->outcome->kind;
    response.on_lost = end_new_session;
    co_return response;
  }
  api.metrics.count_answer(job->outcome->kind, exchange.record().key,
                           client_of(exchange.cancellation()));
  exchange.hold_anyway(text.size());
  const std::string last = event(text);
  const bool is_heard = co_await exchange.write(last);
  if (!is_heard) end_new_session();
  co_return std::nullopt;
}

}  // namespace

awaitable<std::optional<Response>> run_python(Api& api, Exchange& exchange, Message message,
                                              Access::Running running) {
  const auto refuse = [&](const std::string& why) {
    return result_response(message, failed_result(message, why));
  };
  const std::uint64_t size = message.params["arguments"].size();
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&] { return parse_arguments(message, caps); };
  auto arguments = co_await api.offload.run(size, read);
  if (!arguments) co_return refuse(arguments.error().message);
  JobRequest& request = arguments->request;
  if (api.engine.isolation.probed.has_scratch == 1) want_images(request, api.engine.caps);
  if (const auto problem = api.engine.problem_with(request)) co_return refuse(*problem);
  request.owner = exchange.owner();
  sandbox::Lap lap;
  auto permit = admit(api, exchange, lap);
  if (!permit) co_return not_admitted(message);
  Call call = {std::move(message), std::move(request), {}};
  call.run = [&api](const JobRequest& job, std::shared_ptr<JobOutput> output,
                    Cancellation& cancellation) {
    return api.engine.run(job, Rank::single, std::move(output), cancellation);
  };
  if (!arguments->session.empty()) {
    auto finding = session_for(api, exchange, arguments->session);
    const auto session = co_await std::move(finding);
    if (!session)
      co_return result_response(call.message, failed_result(call.message, session.error().error));
    call.session = (*session)->terms.id;
    call.is_new_session = arguments->session == kNewSession;
    call.run = run_in_session(api, *session);
  }
  JobPlaces places = {std::move(running), *std::move(permit)};
  auto answering = run_call(api, exchange, std::move(call), std::move(places));
  co_return co_await std::move(answering);
}

awaitable<std::optional<Response>> run_endpoint(Api& api, Exchange& exchange, Message message,
                                                Access::Running running) {
  const std::string name = message.params.text("name").value_or("");
  const std::string_view args = message.params["arguments"];
  JobRequest request =
      tool_request(caps_of(api, exchange), args.empty() ? "{}" : std::string(args));
  request.detail = AnswerDetail::verbose;
  if (args.size() > api.engine.caps.input_bytes)
    co_return result_response(message, failed_result(message, "the arguments are too large"));
  sandbox::Lap lap;
  auto permit = admit(api, exchange, lap);
  if (!permit) co_return not_admitted(message);
  Call call = {std::move(message), std::move(request), run_tool(api, name)};
  JobPlaces places = {std::move(running), *std::move(permit)};
  auto answering = run_call(api, exchange, std::move(call), std::move(places));
  co_return co_await std::move(answering);
}

}  // namespace pyexec::mcp
