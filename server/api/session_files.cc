#include "server/api/session_files.h"

#include "server/api/entrance.h"
#include "server/api/sessions.h"
#include "server/base/utf8.h"
#include "server/http/request_target.h"
#include "server/job/answer.h"
#include "server/job/input_rules.h"

namespace pyexec {
namespace {

boost::system::result<std::string, Response> file_of(std::string_view sent) {
  const auto name = percent_decoded(sent);
  if (!name)
    return execute_error(OutcomeKind::invalid_request, 400, "the file's name has a malformed %");
  if (to_valid_utf8(*name) != *name)
    return execute_error(OutcomeKind::invalid_request, 400, "the file's name is not UTF-8");
  const auto problem = problem_with_name(*name);
  if (problem)
    return execute_error(OutcomeKind::invalid_request, 400, "the file's name " + *problem);
  return plain_path(*name);
}

// Runs a job that only moves files. Returns its outcome, or the response that refuses it.
awaitable<boost::system::result<Outcome, Response>> move_files(Api& api, Exchange& exchange,
                                                               std::shared_ptr<Session> session,
                                                               JobRequest request) {
  sandbox::Lap lap;
  const auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  const auto output = output_for(request, api.engine.caps);
  auto running =
      api.engine.sessions.run_aside(std::move(session), request, output, exchange.cancellation());
  Outcome outcome = co_await std::move(running);
  exchange.record().add_job(outcome);
  if (outcome.kind == OutcomeKind::busy || outcome.kind == OutcomeKind::gone)
    co_return refused(outcome);
  co_return outcome;
}

std::string last_line_of(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

// Whether an OSError says that there is no room.
bool is_too_large(std::string_view error) {
  return error.find("No space left") != std::string_view::npos ||
         error.find("File too large") != std::string_view::npos;
}

// The pattern that this name alone matches.
std::string pattern_of(std::string_view name) {
  std::string pattern;
  for (const char c : name)
    if (c == '*' || c == '?' || c == '[')
      pattern.append("[").append(1, c).append("]");
    else
      pattern.push_back(c);
  return pattern;
}

JobRequest files_request(const Api& api) {
  JobRequest request = plain_request(api.engine.caps);
  request.job.options.is_cell = 1;
  return request;
}

}  // namespace

awaitable<std::optional<Response>> put_session_file(Api& api, Exchange& exchange, PathParts parts) {
  const auto name = file_of(parts.file);
  if (!name) co_return name.error();
  const auto body = co_await exchange.whole_body(Exchange::BodyOf::file);
  if (!body) co_return exchange.refusal();
  const auto session = session_of(api, exchange, parts.session);
  if (!session) co_return session.error();
  JobRequest request = files_request(api);
  const auto copy = [&] { return std::string(*body); };
  std::string data = co_await api.offload.run(body->size(), copy);
  request.job.files.push_back({*name, std::move(data)});
  if (const auto problem = api.engine.problem_with(request)) co_return refused({400, *problem});
  auto moving = move_files(api, exchange, *session, std::move(request));
  const auto outcome = co_await std::move(moving);
  if (!outcome) co_return outcome.error();
  if (outcome->kind == OutcomeKind::ok) co_return Response{204, ""};
  if (outcome->kind == OutcomeKind::exception)
    co_return execute_error(OutcomeKind::invalid_request, is_too_large(outcome->error) ? 413 : 400,
                            "the file was not written: " + last_line_of(outcome->error));
  co_return execute_error(outcome->kind, outcome_status(outcome->kind), outcome->error);
}

awaitable<std::optional<Response>> get_session_file(Api& api, Exchange& exchange, PathParts parts) {
  const auto name = file_of(parts.file);
  if (!name) co_return name.error();
  const auto session = session_of(api, exchange, parts.session);
  if (!session) co_return session.error();
  JobRequest request = files_request(api);
  ReportOptions& options = request.job.options;
  options.return_files = {pattern_of(*name)};
  options.files_bytes = api.settings.scratch_bytes;
  options.files_count = 1;
  options.files_depth = api.engine.caps.files_depth;
  if (const auto problem = api.engine.problem_with(request)) co_return refused({400, *problem});
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  auto waiting = api.engine.sessions.file_turns.take(deadline, exchange.cancellation());
  const auto turn = co_await std::move(waiting);
  if (!turn)
    co_return refused(api, Refusal::too_many_bytes, "too many files are read; try again later");
  auto moving = move_files(api, exchange, *session, std::move(request));
  auto outcome = co_await std::move(moving);
  if (!outcome) co_return outcome.error();
  if (outcome->kind != OutcomeKind::ok)
    co_return execute_error(outcome->kind, outcome_status(outcome->kind),
                            last_line_of(outcome->error));
  if (outcome->files.empty())
    co_return execute_error(OutcomeKind::not_found, 404, "no such file in this session");
  NamedBytes& file = outcome->files.front();
  if (!exchange.hold(file.bytes.size()))
    co_return refused(api, Refusal::too_many_bytes,
                      "too many answers wait for this client to read them; try again later");
  Response response = {200, std::move(file.bytes)};
  // Of any kind: a browser is not to run it as a page of this origin.
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  co_return response;
}

}  // namespace pyexec
