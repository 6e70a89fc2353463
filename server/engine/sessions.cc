#include "server/engine/sessions.h"

#include <algorithm>

#include "sandbox/base/times.h"
#include "server/base/random.h"
#include "server/engine/engine.h"
#include "server/engine/job_turn.h"
#include "server/job/validate_report.h"

namespace pyexec {
namespace {

constexpr std::size_t kInstanceBytes = 4, kSessionNameBytes = 16;
constexpr std::uint64_t kAside = 0xffffffff;  // the number of what is no cell

Outcome gone(SessionEnd why) {
  return failed(OutcomeKind::gone, "this session has ended: " + std::string(words_of(why)));
}

}  // namespace

Sessions::Sessions(const Parts& parts, const SessionLimits& limits_of)
    : limits(limits_of),
      instance(random_hex(kInstanceBytes)),
      names_{instance, kSessionNameBytes},
      parts_(parts),
      turns_(limits.running_cells) {}

void Sessions::give_up_place(const std::string& owner) {
  --places_taken_;
  const auto entry = places_.find(owner);
  if (entry != places_.end() && --entry->second == 0) places_.erase(entry);
}

// A new jail, or one in which a template's set-up has run.
awaitable<boost::system::result<std::shared_ptr<SessionJail>, Outcome>> Sessions::jail_for(
    const JobRequest& setup, Cancellation& cancellation) {
  const Deadline deadline = Clock::now() + limits.make_time;
  if (!setup.template_name.empty()) {
    auto taking = parts_.templates.take_jail(setup, deadline, cancellation);
    auto taken = co_await std::move(taking);
    co_return std::move(taken);
  }
  auto made = co_await parts_.maker.make(deadline, cancellation);
  if (!made.first) {
    if (!made.problem.empty()) parts_.telemetry.log.warn("no session: " + made.problem);
    co_return busy("no session could be made in time; try again later");
  }
  const std::uint32_t worker = made.first->id();
  const auto jail = std::make_shared<SessionJail>(
      std::move(made.first), forks_, [this, worker] { return parts_.maker.look_at_group(worker); });
  jail->begin();
  co_return jail;
}

awaitable<Sessions::Opened> Sessions::open(const JobRequest& setup, SessionOwner asking,
                                           std::shared_ptr<JobOutput> output,
                                           Cancellation& cancellation) {
  if (refusal_) co_return Opened{nullptr, busy(*refusal_)};
  if (is_draining_) co_return Opened{nullptr, busy("the service stops; try again")};
  if (places_taken_ >= limits.sessions)
    co_return Opened{nullptr, busy("this service has as many sessions as it may: " +
                                   std::to_string(limits.sessions))};
  const std::string& owner = asking.name;
  const std::uint64_t most =
      std::min(limits.sessions_per_owner, asking.most.value_or(limits.sessions_per_owner));
  if (places_[owner] >= most)
    co_return Opened{nullptr, busy("there are as many sessions of this client as there may be: " +
                                   std::to_string(most))};
  ++places_taken_;
  ++places_[owner];
  // Given up by whoever ends the session.
  const auto place = std::shared_ptr<void>(nullptr, [this, owner](void*) { give_up_place(owner); });

  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  auto waiting = jail_for(setup, cancellation);
  auto taken = co_await std::move(waiting);
  const std::uint64_t made_ns = sandbox::monotonic_ns();
  // The set-up's own time: the first session waits until its zygote is warm.
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(setup.timeout_ms);
  if (!taken) co_return Opened{nullptr, taken.error()};
  const std::shared_ptr<SessionJail> jail = *std::move(taken);
  co_await jail->memory_bytes();  // counts from here
  JobRequest request = setup;
  request.job.options.session_cell = 1;
  SessionJail::Cell cell = {request.job, parts_.caps, deadline, parts_.offload,
                            output,      0,           0,        SessionJail::Keep::yes};
  auto set_up = co_await jail->run(std::move(cell), cancellation);
  output->seal();
  name_limit(request, set_up.outcome);
  set_up.outcome.usage.queue_ns = made_ns - admitted_ns;
  set_up.outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  if (set_up.outcome.kind != OutcomeKind::ok || !set_up.is_kept || is_draining_) {
    jail->end("its set-up failed");
    if (set_up.outcome.kind == OutcomeKind::ok)
      set_up.outcome = is_draining_ ? busy("the service stops; try again")
                                    : failed(OutcomeKind::internal, "the session was lost");
    co_return Opened{nullptr, std::move(set_up.outcome)};
  }

  const std::string id = names_.next();
  const Session::Terms terms = {
      id, owner, std::chrono::seconds(setup.idle_s), limits.life, limits.kept_states, forks_};
  const auto session = std::make_shared<Session>(terms, jail);
  sessions_[id] = {session, std::make_shared<net::steady_timer>(parts_.executor)};
  jail->on_end = [this, id, place, weak = std::weak_ptr(session)] {
    const auto alive = weak.lock();
    const bool was_a_cell = forks_ == SessionJail::Forks::no && alive && alive->running() > 0;
    end(id, was_a_cell ? SessionEnd::cell : SessionEnd::lost);
  };
  jail->on_state_lost = [weak = std::weak_ptr(session)](SessionJail::State state) {
    if (const auto alive = weak.lock()) alive->lost_state(state);
  };
  parts_.telemetry.metrics.sessions().opened();
  watch(session);
  co_return Opened{session, std::move(set_up.outcome)};
}

// Ends it when it expires.
void Sessions::watch(const std::shared_ptr<Session>& session) {
  const auto entry = sessions_.find(session->terms.id);
  if (entry == sessions_.end()) return;
  const auto timer = entry->second.expiry;
  timer->expires_at(session->expires());
  timer->async_wait([this, id = session->terms.id](error_code error) {
    const auto found = error ? sessions_.end() : sessions_.find(id);
    if (found == sessions_.end()) return;
    const auto alive = found->second.session;
    if (alive->running() > 0) return;  // `run_on` looks again
    if (Clock::now() < alive->expires()) return watch(alive);
    end(id, alive->reason_to_expire());
  });
}

void Sessions::end(const std::string& id, SessionEnd why) {
  auto entry = sessions_.extract(id);
  if (entry.empty()) return;
  const auto session = std::move(entry.mapped().session);
  entry.mapped().expiry->cancel();
  gone_.put(id, {session->terms.owner, why});
  parts_.telemetry.metrics.sessions().ended(why);
  session->jail->end(std::string(words_of(why)));
  session->jail->on_end = nullptr;  // with its place
}

boost::system::result<std::shared_ptr<Session>, Outcome> Sessions::find(std::string_view id,
                                                                        const std::string& owner) {
  const auto found = sessions_.find(id);
  if (found != sessions_.end() && found->second.session->terms.owner == owner)
    return found->second.session;
  const Gone* ended = gone_.find(id);
  if (ended != nullptr && ended->owner == owner) return gone(ended->why);
  if (const auto elsewhere = names_.given_elsewhere(id, "session"))
    return failed(OutcomeKind::misdirected, *elsewhere);
  return failed(OutcomeKind::not_found, "no such session");
}

SessionEnd Sessions::end_of(const std::string& id) const {
  const Gone* ended = gone_.find(id);
  return ended == nullptr ? SessionEnd::lost : ended->why;
}

std::vector<std::shared_ptr<Session>> Sessions::of(const std::string& owner) const {
  std::vector<std::shared_ptr<Session>> out;
  for (const auto& [id, entry] : sessions_)
    if (entry.session->terms.owner == owner) out.push_back(entry.session);
  return out;
}

awaitable<Outcome> Sessions::run(std::shared_ptr<Session> session, const JobRequest& request,
                                 std::shared_ptr<JobOutput> output, Cancellation& cancellation) {
  auto next = run_on(*session, request, output, cancellation, true);
  Outcome outcome = co_await std::move(next);
  co_return outcome;
}

awaitable<Outcome> Sessions::run_aside(std::shared_ptr<Session> session, const JobRequest& request,
                                       std::shared_ptr<JobOutput> output,
                                       Cancellation& cancellation) {
  auto next = run_on(*session, request, output, cancellation, false);
  Outcome outcome = co_await std::move(next);
  co_return outcome;
}

awaitable<Outcome> Sessions::run_on(Session& session, const JobRequest& request,
                                    std::shared_ptr<JobOutput> output, Cancellation& cancellation,
                                    bool is_cell) {
  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  const Deadline deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  auto taken_turn = co_await turns_.take(deadline, cancellation);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  if (!taken_turn) co_return busy("too many cells run; try again later");
  const JobTurn turn = job_turn(*std::move(taken_turn));
  lend_turn(turn, turns_, output->calls.get());
  const std::string& id = session.terms.id;
  if (!sessions_.contains(id)) co_return gone(end_of(id));
  if (session.is_at_its_end()) {
    if (session.running() == 0) end(id, SessionEnd::life);
    co_return gone(SessionEnd::life);
  }
  const bool is_alone = forks_ == SessionJail::Forks::no;
  std::optional<Turns::Turn> own_turn;
  if (is_alone) {
    auto waiting = session.turn.take(deadline, cancellation);
    auto taken = co_await std::move(waiting);
    if (!taken) co_return busy("other cells of this session run, and here it runs one at a time");
    own_turn.emplace(*std::move(taken));
    if (!sessions_.contains(id)) co_return gone(end_of(id));
  }
  // Files are the session's, so any state will do, and that one is always there.
  const auto state = session.state_for(is_cell || is_alone ? request.at : 0);
  if (!state) co_return state.error();

  JobRequest with_number = request;
  const std::uint64_t number = is_cell ? session.begin_cell() : kAside;
  with_number.job.options.session_cell = 1 + number;
  SessionJail::Cell cell = {
      with_number.job, parts_.caps,
      deadline,        parts_.offload,
      output,          *state,
      number,          is_cell ? SessionJail::Keep::yes : SessionJail::Keep::no};
  std::optional<Session::Use> use(std::in_place, session, *state);
  auto end_of_cell = co_await session.jail->run(std::move(cell), cancellation);
  use.reset();
  output->seal();
  Outcome& outcome = end_of_cell.outcome;
  name_limit(request, outcome);
  if (is_cell) session.finish_cell(number, *state, end_of_cell);
  outcome.usage.queue_ns = begun_ns - admitted_ns;
  outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  if (session.jail->ended() && is_alone && outcome.kind != OutcomeKind::internal)
    outcome.error +=
        "\nThe session has ended with it: at this isolation level, a session is one "
        "process.";
  // What its owner, its clock or the service has ended is not lost.
  const auto entry = sessions_.find(id);
  if (entry == sessions_.end()) {
    const bool was_ended = outcome.kind == OutcomeKind::internal && end_of(id) != SessionEnd::lost;
    if (was_ended) co_return gone(end_of(id));
    co_return std::move(outcome);
  }
  const auto alive = entry->second.session;
  if (is_draining_ && alive->running() == 0)
    end(id, SessionEnd::stopping);
  else
    watch(alive);
  if (is_cell) trim(alive);
  co_return std::move(outcome);
}

void Sessions::trim(const std::shared_ptr<Session>& session) {
  parts_.telemetry.metrics.sessions().dropped(session->drop_beyond_limit());
  if (session->take_unweighed())
    net::co_spawn(parts_.executor, trim_by_memory(session), net::detached);
}

// Keeps half of the session's memory free for the cells that run.
awaitable<void> Sessions::trim_by_memory(std::shared_ptr<Session> session) {
  const auto used = co_await session->jail->memory_bytes();
  std::uint64_t bytes = used.value_or(0);
  if (!used)
    for (const CellRecord& record : session->records())
      if (session->keeps(record.number)) bytes += record.grown_bytes;
  const std::uint64_t most = limits.memory_bytes / 2;
  if (bytes > most)
    parts_.telemetry.metrics.sessions().dropped(session->drop_least_used(bytes - most));
}

void Sessions::drain() {
  is_draining_ = true;
  std::vector<std::string> idle;
  for (const auto& [id, entry] : sessions_)
    if (entry.session->running() == 0) idle.push_back(id);
  for (const std::string& id : idle) end(id, SessionEnd::stopping);
}

SessionCount Sessions::count() const {
  SessionCount out = {sessions_.size(), 0, turns_.taken()};
  for (const auto& [id, entry] : sessions_) out.states += entry.session->states();
  return out;
}

}  // namespace pyexec
