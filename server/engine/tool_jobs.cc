#include "server/engine/tool_jobs.h"

#include <algorithm>

#include "server/job/validate_report.h"

namespace pyexec {
namespace {

constexpr std::size_t kTokenBytes = 24;
constexpr const char* kBeingAnswered =
    "another request brings answers to these calls, and waits until the job may go on";
constexpr const char* kUsed = "this token was used: the answer to it had the next one";

}  // namespace

ToolJobs::ToolJobs(net::any_io_executor executor, const Telemetry& telemetry, std::string instance,
                   const ToolJobLimits& limits)
    : executor_(std::move(executor)),
      telemetry_(telemetry),
      tokens_{std::move(instance), kTokenBytes},
      limits_(limits) {}

boost::system::result<std::shared_ptr<RunningJob>, Outcome> ToolJobs::begin(
    JobRequest request, std::shared_ptr<JobOutput> output) {
  if (refusal_) return failed(OutcomeKind::busy, *refusal_);
  if (jobs_.size() >= limits_.jobs)
    return failed(OutcomeKind::busy, "this service has as many jobs with tools as it may: " +
                                         std::to_string(limits_.jobs));
  const auto entry = by_owner_.find(request.owner);
  if (entry != by_owner_.end() && entry->second >= limits_.jobs_per_owner)
    return failed(OutcomeKind::busy,
                  "there are as many jobs with tools of this client as there may be: " +
                      std::to_string(limits_.jobs_per_owner));
  ++by_owner_[request.owner];
  const auto job = std::make_shared<RunningJob>(executor_, std::move(request), std::move(output));
  jobs_.insert(job);
  return job;
}

std::string ToolJobs::park(const std::shared_ptr<RunningJob>& job,
                           const std::vector<ToolCall>& calls) {
  telemetry_.metrics.tools().called(calls.size());
  std::string token = tokens_.next();
  Group group = {job, {}, std::make_shared<net::steady_timer>(executor_)};
  for (const ToolCall& call : calls) group.numbers.insert(call.number);
  const auto& timer = groups_.emplace(token, std::move(group)).first->second.expiry;
  timer->expires_after(limits_.wait);
  watch(token, timer);
  return token;
}

void ToolJobs::watch(const std::string& token, const std::shared_ptr<net::steady_timer>& timer) {
  timer->async_wait([this, token](error_code error) {
    if (!error) expire(token);
  });
}

void ToolJobs::expire(const std::string& token) {
  const auto group = groups_.find(token);
  if (group == groups_.end()) return;
  if (group->second.is_being_answered) {  // and waits until the job may go on
    group->second.expiry->expires_after(std::chrono::seconds(1));
    return watch(token, group->second.expiry);
  }
  const auto job = group->second.job;
  const std::string why = "calls of tools were not answered within " +
                          std::to_string(limits_.wait.count()) + " s (PYEXEC_CALL_WAIT_S)";
  telemetry_.metrics.tools().unanswered();
  job->calls().give_up(why);
  forget(token, why + ", and the job was ended");
  if (job->caller == RunningJob::Caller::asks_again) end(job);
}

boost::system::result<ToolJobs::Group*, Outcome> ToolJobs::find(const std::string& token,
                                                                const std::string& owner) {
  const auto group = groups_.find(token);
  if (group != groups_.end() && group->second.job->request.owner == owner) {
    if (group->second.is_being_answered) return failed(OutcomeKind::busy, kBeingAnswered);
    return &group->second;
  }
  const Gone* gone = gone_.find(token);
  if (gone != nullptr && gone->owner == owner) return failed(OutcomeKind::gone, gone->why);
  if (const auto elsewhere = tokens_.given_elsewhere(token, "job"))
    return failed(OutcomeKind::misdirected, *elsewhere);
  return failed(OutcomeKind::not_found, "no job waits for an answer by this token");
}

void ToolJobs::forget(const std::string& token, const std::string& why) {
  auto group = groups_.extract(token);
  if (group.empty()) return;
  group.mapped().expiry->cancel();
  gone_.put(token, {group.mapped().job->request.owner, why});
}

void ToolJobs::put_back(const std::string& token) {
  const auto group = groups_.find(token);
  if (group != groups_.end()) group->second.is_being_answered = false;
}

void ToolJobs::use(const std::string& token) {
  forget(token, kUsed);
}

void ToolJobs::end(const std::shared_ptr<RunningJob>& job) {
  if (jobs_.erase(job) == 0) return;
  const auto entry = by_owner_.find(job->request.owner);
  if (--entry->second == 0) by_owner_.erase(entry);
  std::vector<std::string> tokens;
  for (const auto& [token, group] : groups_)
    if (group.job == job) tokens.push_back(token);
  for (const std::string& token : tokens) forget(token, "the job has ended");
}

bool ToolJobs::has_live() const {
  return std::any_of(jobs_.begin(), jobs_.end(), [](const auto& job) {
    return job->caller == RunningJob::Caller::reads_events;
  });
}

void ToolJobs::drain() {
  std::set<std::shared_ptr<RunningJob>> waiting;
  for (const auto& [token, group] : groups_)
    if (group.job->caller == RunningJob::Caller::asks_again) waiting.insert(group.job);
  for (const auto& job : waiting) {
    job->cancellation.request(Cancellation::By::service);
    end(job);
  }
}

ToolJobs::Count ToolJobs::count() const {
  Count count = {jobs_.size(), 0};
  for (const auto& job : jobs_) count.waiting += job->calls().is_waiting() ? 1 : 0;
  return count;
}

}  // namespace pyexec
