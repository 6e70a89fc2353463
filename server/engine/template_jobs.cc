// The jails of templates, and the jobs in them.
#include "sandbox/base/times.h"
#include "server/engine/engine.h"
#include "server/engine/job_turn.h"
#include "server/engine/templates.h"
#include "server/job/validate_report.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kMostJobs = 1000;  // of a jail, as of one that is kept for /execute

}  // namespace

awaitable<Templates::SetUp> Templates::set_up(const JobRequest& setup,
                                              std::shared_ptr<JobOutput> output,
                                              Cancellation& cancellation) {
  auto waiting = turns_.take(Clock::now() + limits_.make_time, cancellation);
  const auto turn = co_await std::move(waiting);
  if (!turn) co_return SetUp{std::nullopt, busy("too many jobs run; try again later")};
  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  auto made = co_await parts_.maker.make(Clock::now() + limits_.make_time, cancellation);
  const std::uint64_t made_ns = sandbox::monotonic_ns();
  if (!made.first) {
    if (!made.problem.empty()) parts_.telemetry.log.warn("no template: " + made.problem);
    co_return SetUp{std::nullopt, busy("no jail could be made in time; try again later")};
  }
  const std::uint32_t worker = made.first->id();
  const auto jail =
      std::make_shared<SessionJail>(std::move(made.first), host_.forks,
                                    [this, worker] { return parts_.maker.look_at_group(worker); });
  jail->name = "the process of the template";
  jail->begin();
  JobRequest request = setup;
  request.job.options.session_cell = 1;
  request.job.options.template_part = TemplatePart::setup;
  SessionJail::Cell cell = {request.job,
                            parts_.caps,
                            Clock::now() + std::chrono::milliseconds(setup.timeout_ms),
                            parts_.offload,
                            output,
                            0,
                            0,
                            SessionJail::Keep::yes};
  auto end = co_await jail->run(std::move(cell), cancellation);
  output->seal();
  name_limit(request, end.outcome);
  end.outcome.usage.queue_ns = made_ns - admitted_ns;
  end.outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  parts_.telemetry.metrics.templates().set_up(end.outcome.usage.run_ns);
  bool is_ready = end.outcome.kind == OutcomeKind::ok && end.is_kept;
  if (is_ready && host_.forks == SessionJail::Forks::yes)
    is_ready = co_await jail->fork_spare() == SessionJail::Forked::yes;
  if (!is_ready) {
    jail->end("the set-up failed");
    if (end.outcome.kind == OutcomeKind::ok)
      end.outcome = failed(OutcomeKind::internal, "what the set-up has left forks no job");
    co_return SetUp{std::nullopt, std::move(end.outcome)};
  }
  const auto used = co_await jail->memory_bytes();
  co_return SetUp{Template::Jail{jail, used.value_or(end.grown_bytes)}, std::move(end.outcome)};
}

// More jails are made as long as more jobs wait than will have one soon, and there is memory. Of
// two, one can have a job while the other is prepared for its next one.
void Templates::make_if_wanted(const std::shared_ptr<Template>& known) {
  if (known->is_removed() || is_closed_) return;
  const bool has_none = known->jails + known->making == 0;
  const bool has_room = memory_bytes() + known->bytes <= limits_.memory_bytes;
  const std::size_t soon = known->jails + known->making < 2 ? 0 : known->coming;
  const bool is_wanted = has_none || (has_room && known->waiting() > soon);
  if (!is_wanted || known->jails + known->making >= limits_.jails) return;
  ++known->making;
  ++known->coming;
  known->forget_failure();
  net::co_spawn(parts_.executor, make(known), net::detached);
}

awaitable<void> Templates::make(std::shared_ptr<Template> known) {
  Cancellation never;
  const auto output = std::make_shared<JobOutput>(parts_.caps.output_bytes);
  auto running = set_up(known->setup, output, never);
  SetUp done = co_await std::move(running);
  --known->making;
  --known->coming;
  if (!done.jail) {
    if (!known->is_removed() && !is_closed_)
      parts_.telemetry.log.warn("the set-up of a template failed, which had succeeded before: " +
                                std::string(outcome_name(done.outcome.kind)));
    if (known->jails + known->making == 0) known->fail(done.outcome);
    co_return;
  }
  ++known->jails;
  known->bytes = done.jail->bytes;
  give(known, *std::move(done.jail));
}

// Hands on a jail that is ready for a job.
void Templates::give(const std::shared_ptr<Template>& known, Template::Jail jail) {
  if (!known->give(std::move(jail)))
    parts_.telemetry.metrics.templates().jail_ended(TemplateJailEnd::lost);
  make_if_wanted(known);
}

awaitable<boost::system::result<Template::Jail, Outcome>> Templates::jail_for(
    std::shared_ptr<Template> known, Deadline deadline, Cancellation& cancellation) {
  for (;;) {
    for (std::uint64_t gone = known->sweep(); gone > 0; --gone)
      parts_.telemetry.metrics.templates().jail_ended(TemplateJailEnd::lost);
    auto taking = known->take(deadline, cancellation);
    net::post(parts_.executor, [this, known] { make_if_wanted(known); });
    auto jail = co_await std::move(taking);
    if (jail && !jail->processes->ended()) co_return *std::move(jail);
    if (!jail) break;
    give(known, *std::move(jail));  // it has ended since it was handed over, and is not kept
  }
  if (cancellation.requested(Cancellation::By::service))
    co_return busy("the service stops; try again");
  if (cancellation.requested()) co_return failed(OutcomeKind::internal, "the job was cancelled");
  if (known->is_removed()) co_return unknown_template(known->name);
  if (known->failure()) co_return *known->failure();
  co_return busy("no process of this template became free in time; try again later");
}

// Until it is destroyed, the template is in use.
std::shared_ptr<void> Templates::use_of(std::shared_ptr<Template> known) {
  ++known->running;
  known->last_use = Clock::now();
  return std::shared_ptr<void>(nullptr, [this, known](void*) {
    --known->running;
    known->last_use = Clock::now();
    watch(known);
  });
}

void Templates::retire(Template& known, const Template::Jail& jail, TemplateJailEnd why) {
  --known.jails;
  jail.processes->end("a job of the template has used it up");
  parts_.telemetry.metrics.templates().jail_ended(why);
}

// Returns why the jail can have no other job, or nullopt if it is ready for one.
awaitable<std::optional<TemplateJailEnd>> Templates::why_retire(const Template::Jail& jail,
                                                                Last last) {
  using Why = TemplateJailEnd;
  const std::shared_ptr<SessionJail> processes = jail.processes;
  const std::uint64_t jobs = jail.jobs;
  if (last.is_stopped) last.was_alone = co_await processes->end_stopped();
  if (!forks()) co_return Why::single;
  if (processes->ended()) co_return Why::lost;
  if (!last.was_alone) co_return Why::processes;
  if (jobs >= kMostJobs) co_return Why::jobs;
  const auto forked = co_await processes->fork_spare();
  if (forked == SessionJail::Forked::yes) co_return std::nullopt;
  co_return forked == SessionJail::Forked::touched ? Why::files : Why::lost;
}

// Prepares the jail for another job, or ends it.
awaitable<void> Templates::recycle(std::shared_ptr<Template> known, Template::Jail jail,
                                   Last last) {
  auto judging = why_retire(jail, last);
  const auto why = co_await std::move(judging);
  --known->coming;
  if (!why) co_return give(known, std::move(jail));
  retire(*known, jail, *why);
  make_if_wanted(known);
}

awaitable<Outcome> Templates::run(const JobRequest& request, std::shared_ptr<JobOutput> output,
                                  Cancellation& cancellation) {
  const auto found = find(request);
  parts_.telemetry.metrics.templates().asked(found.has_value());
  if (!found) co_return found.error();
  const std::shared_ptr<Template> known = *found;
  const std::uint64_t admitted_ns = sandbox::monotonic_ns();
  // A jail may have to be made first, by a set-up that has a time of its own.
  const Deadline patience =
      Clock::now() + std::chrono::milliseconds(request.timeout_ms + known->setup.timeout_ms);
  const auto use = use_of(known);
  JobTurn turn;
  std::optional<Template::Jail> jail;
  for (;;) {
    auto waiting = jail_for(known, patience, cancellation);
    auto taken = co_await std::move(waiting);
    if (!taken) co_return taken.error();
    jail = *std::move(taken);
    auto turning = turns_.take(patience, cancellation);
    auto turned = co_await std::move(turning);
    if (turned && !jail->processes->ended()) {
      turn = job_turn(*std::move(turned));
      break;
    }
    give(known, *std::move(jail));
    if (!turned) co_return busy("too many jobs run; try again later");
  }
  lend_turn(turn, turns_, output->calls.get());
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  ++known->jobs;
  ++jail->jobs;
  JobRequest numbered = request;
  numbered.job.options.session_cell = 1 + jail->jobs;
  numbered.job.options.template_part = TemplatePart::job;
  const auto accounting = request.detail == AnswerDetail::verbose
                              ? SessionJail::Accounting::complete
                              : SessionJail::Accounting::quick;
  SessionJail::Cell cell = {numbered.job,
                            parts_.caps,
                            Clock::now() + std::chrono::milliseconds(request.timeout_ms),
                            parts_.offload,
                            output,
                            0,
                            jail->jobs,
                            SessionJail::Keep::no,
                            accounting};
  auto end = co_await jail->processes->run(std::move(cell), cancellation);
  output->seal();
  Outcome& outcome = end.outcome;
  name_limit(request, outcome);
  outcome.usage.queue_ns = begun_ns - admitted_ns;
  outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  ++known->coming;
  const Last last = {end.is_stopped, end.was_alone};
  net::co_spawn(parts_.executor, recycle(known, *std::move(jail), last), net::detached);
  co_return std::move(outcome);
}

awaitable<boost::system::result<std::shared_ptr<SessionJail>, Outcome>> Templates::take_jail(
    const JobRequest& request, Deadline deadline, Cancellation& cancellation) {
  const auto found = find(request);
  parts_.telemetry.metrics.templates().asked(found.has_value());
  if (!found) co_return found.error();
  const std::shared_ptr<Template> known = *found;
  const auto use = use_of(known);
  auto waiting = jail_for(known, deadline, cancellation);
  auto taken = co_await std::move(waiting);
  if (!taken) co_return taken.error();
  const std::shared_ptr<SessionJail> processes = taken->processes;
  co_await processes->drop_spare();
  processes->name = "the session";
  --known->jails;
  parts_.telemetry.metrics.templates().jail_ended(TemplateJailEnd::session);
  make_if_wanted(known);
  co_return processes;
}

}  // namespace pyexec
