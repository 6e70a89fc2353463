// The jails of templates, and the jobs in them.
#include "sandbox/base/times.h"
#include "server/engine/engine.h"
#include "server/engine/templates.h"
#include "server/job/validate_report.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kMostJobs = 1000;  // of a jail, as of one that is kept for /execute
// In which no job can make so many processes that their numbers begin again.
constexpr std::uint64_t kCountedNs = 60'000'000'000;

Outcome busy(const std::string& why) {
  return failed(OutcomeKind::busy, why);
}

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
  const bool is_ready = end.outcome.kind == OutcomeKind::ok && end.is_kept &&
                        (host_.forks == SessionJail::Forks::no || co_await jail->fork_spare());
  if (!is_ready) {
    jail->end("the set-up failed");
    if (end.outcome.kind == OutcomeKind::ok)
      end.outcome = failed(OutcomeKind::internal, "what the set-up has left forks no job");
    co_return SetUp{std::nullopt, std::move(end.outcome)};
  }
  const auto used = co_await jail->memory_bytes();
  co_return SetUp{Template::Jail{jail, used.value_or(end.grown_bytes)}, std::move(end.outcome)};
}

// More jails are made as long as more jobs wait than will have one soon.
void Templates::make_if_wanted(const std::shared_ptr<Template>& known) {
  if (known->is_removed() || is_closed_) return;
  const bool is_wanted = known->waiting() > known->coming || known->jails == 0;
  if (!is_wanted || known->jails + known->making >= limits_.jails) return;
  ++known->making;
  ++known->coming;
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
    parts_.telemetry.log.warn("the set-up of a template failed, which had succeeded before: " +
                              std::string(outcome_name(done.outcome.kind)));
    if (known->jails == 0) known->fail(done.outcome);
    co_return;
  }
  ++known->jails;
  known->bytes = done.jail->bytes;
  known->give(*std::move(done.jail));
  make_room("", 0);
  make_if_wanted(known);
}

awaitable<boost::system::result<Template::Jail, Outcome>> Templates::jail_for(
    std::shared_ptr<Template> known, Deadline deadline, Cancellation& cancellation) {
  known->last_use = Clock::now();
  for (std::uint64_t gone = known->sweep(); gone > 0; --gone)
    parts_.telemetry.metrics.templates().jail_ended(TemplateJailEnd::lost);
  auto taking = known->take(deadline, cancellation);
  net::post(parts_.executor, [this, known] { make_if_wanted(known); });
  auto jail = co_await std::move(taking);
  if (jail) co_return *std::move(jail);
  if (cancellation.requested()) co_return failed(OutcomeKind::internal, "the job was cancelled");
  if (known->failure()) co_return *known->failure();
  co_return busy("no process of this template became free in time; try again later");
}

void Templates::retire(Template& known, Template::Jail jail, TemplateJailEnd why) {
  --known.jails;
  jail.processes->end("a job of the template has used it up");
  parts_.telemetry.metrics.templates().jail_ended(why);
}

// Prepares the jail for another job, or ends it.
awaitable<void> Templates::recycle(std::shared_ptr<Template> known, Template::Jail jail,
                                   bool was_alone) {
  using Why = TemplateJailEnd;
  std::optional<Why> why;
  co_await jail.processes->end_stopped();
  if (jail.processes->ended())
    why = forks() ? Why::lost : Why::single;
  else if (!forks())
    why = Why::single;
  else if (!was_alone)
    why = Why::processes;
  else if (jail.jobs >= kMostJobs)
    why = Why::jobs;
  else if (!co_await jail.processes->fork_spare())
    why = jail.processes->ended() ? Why::lost : Why::files;
  --known->coming;
  if (why)
    retire(*known, std::move(jail), *why);
  else
    known->give(std::move(jail));
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
  ++known->running;
  const auto use = std::shared_ptr<void>(nullptr, [this, known](void*) {
    --known->running;
    known->last_use = Clock::now();
    watch(known);
  });
  auto waiting = jail_for(known, patience, cancellation);
  auto taken = co_await std::move(waiting);
  if (!taken) co_return taken.error();
  Template::Jail jail = *std::move(taken);
  auto turning = turns_.take(patience, cancellation);
  const auto turn = co_await std::move(turning);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  if (!turn) {
    known->give(std::move(jail));
    co_return busy("too many jobs run; try again later");
  }
  ++known->jobs;
  ++jail.jobs;
  JobRequest numbered = request;
  numbered.job.options.session_cell = 1 + jail.jobs;
  numbered.job.options.template_part = TemplatePart::job;
  SessionJail::Cell cell = {numbered.job,
                            parts_.caps,
                            Clock::now() + std::chrono::milliseconds(request.timeout_ms),
                            parts_.offload,
                            output,
                            0,
                            jail.jobs,
                            SessionJail::Keep::no,
                            request.detail == AnswerDetail::verbose
                                ? SessionJail::Accounting::complete
                                : SessionJail::Accounting::quick};
  auto end = co_await jail.processes->run(std::move(cell), cancellation);
  output->seal();
  Outcome& outcome = end.outcome;
  name_limit(request, outcome);
  outcome.usage.queue_ns = begun_ns - admitted_ns;
  outcome.usage.total_ns = sandbox::monotonic_ns() - admitted_ns;
  ++known->coming;
  const bool was_alone = end.was_alone && outcome.usage.run_ns < kCountedNs;
  net::co_spawn(parts_.executor, recycle(known, std::move(jail), was_alone), net::detached);
  co_return std::move(outcome);
}

awaitable<boost::system::result<std::shared_ptr<SessionJail>, Outcome>> Templates::take_jail(
    const JobRequest& request, Deadline deadline, Cancellation& cancellation) {
  const auto found = find(request);
  parts_.telemetry.metrics.templates().asked(found.has_value());
  if (!found) co_return found.error();
  const std::shared_ptr<Template> known = *found;
  auto waiting = jail_for(known, deadline, cancellation);
  auto taken = co_await std::move(waiting);
  if (!taken) co_return taken.error();
  const std::shared_ptr<SessionJail> processes = taken->processes;
  co_await processes->drop_spare();
  processes->name = "the session";
  --known->jails;
  parts_.telemetry.metrics.templates().jail_ended(TemplateJailEnd::session);
  make_if_wanted(known);
  watch(known);
  co_return processes;
}

}  // namespace pyexec
