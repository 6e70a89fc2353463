#include "server/api/sessions.h"

#include <fmt/chrono.h>

#include "server/api/entrance.h"
#include "server/api/run_and_answer.h"
#include "server/job/answer.h"

namespace pyexec {
namespace {

constexpr const char* kSessionHeader = "Pyexec-Session";

std::string iso_time(Session::WallClock::time_point when) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(Session::WallClock::to_time_t(when)));
}

Response named(Response response, const std::string& id) {
  response.headers.emplace_back(kSessionHeader, id);
  return response;
}

void add_summary(ObjectWriter& members, const Session& session) {
  members.text("session", session.terms.id);
  members.text("created_at", iso_time(session.created()));
  members.text("expires_at", iso_time(session.expires_at()));
  members.number("cells_run", session.cells());
  members.number("head", session.head());
  members.number("running", session.running());
  members.number("states", session.states());
}

std::string cells_of(const Session& session) {
  std::string cells = "[";
  for (const CellRecord& record : session.records()) {
    ObjectWriter cell;
    cell.number("cell", record.number);
    cell.number("at", record.at);
    cell.text("outcome", outcome_name(record.outcome));
    cell.boolean("is_kept", session.keeps(record.number));
    cell.milliseconds("run_ms", record.run_ns);
    cell.number("grown_bytes", record.grown_bytes);
    cells += (cells.size() > 1 ? ", " : "") + cell.object();
  }
  return cells + "]";
}

Response created(const Session& session, const JobRequest& request, const JobOutput& output) {
  ObjectWriter members;
  members.text("session", session.terms.id);
  members.text("expires_at", iso_time(session.expires_at()));
  if (!request.job.script.empty()) members.text("stdout", output.standard.text());
  Response response = {201, members.object()};
  response.headers.emplace_back("Location", "/sessions/" + session.terms.id);
  response.headers.emplace_back("Pyexec-Outcome", outcome_name(OutcomeKind::ok));
  response.outcome = OutcomeKind::ok;
  return named(std::move(response), session.terms.id);
}

}  // namespace

boost::system::result<std::shared_ptr<Session>, Response> session_of(Api& api,
                                                                     const Exchange& exchange,
                                                                     std::string_view id) {
  const std::string_view header = exchange.head()[kSessionHeader];
  if (!header.empty() && header != id)
    return execute_error(OutcomeKind::invalid_request, 400,
                         "the Pyexec-Session header names another session than the path");
  auto session = api.engine.sessions.find(id, exchange.owner());
  if (!session) return named(refused(session.error()), std::string(id));
  return *std::move(session);
}

RunJob run_in_session(Api& api, std::shared_ptr<Session> session) {
  return [&api, session = std::move(session)](
             const JobRequest& job, std::shared_ptr<JobOutput> output, Cancellation& cancellation) {
    return api.engine.sessions.run(session, job, std::move(output), cancellation);
  };
}

SessionOwner owner_of(const Exchange& exchange) {
  return {exchange.owner(), exchange.limits.sessions};
}

awaitable<std::optional<Response>> open_session(Api& api, Exchange& exchange) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  Sessions& sessions = api.engine.sessions;
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&] {
    return parse_session(body->empty() ? "{}" : *body, caps,
                         static_cast<std::uint64_t>(sessions.limits.idle.count()));
  };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  if (const auto problem = api.engine.problem_with(*request)) co_return refused({400, *problem});
  request->owner = exchange.owner();
  api.engine.templates.clamp(*request);
  sandbox::Lap lap;
  const auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  const auto output = output_for(*request, api.engine.caps);
  auto opening = sessions.open(*request, owner_of(exchange), output, exchange.cancellation());
  const auto opened = co_await std::move(opening);
  exchange.record().add_job(opened.outcome);
  if (opened.session) {
    const auto end = [&sessions, id = opened.session->terms.id] {
      sessions.end(id, SessionEnd::deleted);
    };
    if (exchange.is_client_gone()) end();  // nobody would know of it
    Response response = created(*opened.session, *request, *output);
    response.on_lost = end;
    co_return response;
  }
  if (opened.outcome.kind == OutcomeKind::busy) {
    api.metrics.count_refusal(Refusal::session_limit);
    co_return busy_response(opened.outcome.error);
  }
  co_return outcome_response(opened.outcome, *output, *request);
}

Response list_sessions(Api& api, const Exchange& exchange) {
  std::string list = "[";
  for (const auto& session : api.engine.sessions.of(exchange.owner())) {
    ObjectWriter members;
    add_summary(members, *session);
    list += (list.size() > 1 ? ", " : "") + members.object();
  }
  ObjectWriter members;
  members.json("sessions", list + "]");
  return {200, members.object()};
}

awaitable<Response> show_session(Api& api, const Exchange& exchange, std::string_view id) {
  const auto found = session_of(api, exchange, id);
  if (!found) co_return found.error();
  const std::shared_ptr<Session>& session = *found;
  const auto memory = co_await session->jail->memory_bytes();
  ObjectWriter members;
  add_summary(members, *session);
  members.number("memory_bytes", memory);
  members.json("cells", cells_of(*session));
  Response response = {200, members.object()};
  co_return named(std::move(response), session->terms.id);
}

Response end_session(Api& api, const Exchange& exchange, std::string_view id) {
  const auto session = session_of(api, exchange, id);
  if (!session) return session.error();
  api.engine.sessions.end(std::string(id), SessionEnd::deleted);
  return {204, ""};
}

awaitable<std::optional<Response>> execute_in_session(Api& api, Exchange& exchange, SentCell cell,
                                                      Access::Running running) {
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  const auto session = session_of(api, exchange, cell.session);
  if (!session) co_return session.error();
  const JobCaps caps = caps_of(api, exchange);
  const auto read = [&]() -> boost::system::result<JobRequest, BadRequest> {
    if (cell.type.kind == BodyKind::json) return parse_cell(*body, caps);
    const auto json = as_json(*body, cell.type, "code", caps.result_depth);
    if (!json) return json.error();
    return parse_cell(*json, caps);
  };
  auto request = co_await api.offload.run(body->size(), read);
  if (!request) co_return refused(request.error());
  if (const auto problem = api.engine.problem_with(*request)) co_return refused({400, *problem});
  exchange.add_headers({{kSessionHeader, std::string(cell.session)}});
  auto answer = run_and_answer(api, exchange, *std::move(request), run_in_session(api, *session),
                               std::move(running));
  co_return co_await std::move(answer);
}

}  // namespace pyexec
