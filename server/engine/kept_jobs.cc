#include "server/engine/kept_jobs.h"

#include <algorithm>

#include "server/job/validate_report.h"

namespace pyexec {
namespace {

constexpr std::size_t kJobNameBytes = 24;

}  // namespace

KeptJobs::KeptJobs(net::any_io_executor executor, std::string instance, const KeptJobLimits& limits)
    : executor_(executor),
      names_{std::move(instance), kJobNameBytes},
      limits_(limits),
      expiry_(executor) {}

void KeptJobs::drop_oldest_of(const std::string& owner, Which which, const std::string& why) {
  const auto is_meant = [&](const std::string& id) {
    const Entry& entry = entries_.at(id);
    return entry.owner == owner && (which == Which::any || entry.is_told);
  };
  const auto oldest = std::find_if(answered_.begin(), answered_.end(), is_meant);
  if (oldest != answered_.end()) drop(std::string(*oldest), why);
}

boost::system::result<std::string, Outcome> KeptJobs::begin(
    const std::shared_ptr<RunningJob>& job) {
  const std::string& owner = job->request.owner;
  const auto jobs_of_owner = [&] {
    const auto entry = by_owner_.find(owner);
    return entry == by_owner_.end() ? 0 : entry->second.jobs;
  };
  constexpr const char* kNewer = "a newer job has taken its place";
  const auto has_room = [&] {
    return jobs_of_owner() < limits_.jobs_per_owner && entries_.size() < limits_.jobs;
  };
  if (!has_room()) drop_oldest_of(owner, Which::told, kNewer);
  if (entries_.size() >= limits_.jobs && !by_owner_.empty()) {
    const auto most = std::max_element(
        by_owner_.begin(), by_owner_.end(),
        [](const auto& one, const auto& other) { return one.second.kept < other.second.kept; });
    if (most->second.jobs > jobs_of_owner())
      drop_oldest_of(std::string(most->first), Which::any, kNewer);
  }
  if (!has_room())
    return failed(
        OutcomeKind::busy,
        "as many jobs as may be run without their callers waiting, or have kept answers: " +
            std::to_string(limits_.jobs_per_owner) + " of a client, " +
            std::to_string(limits_.jobs) + " in all");
  const std::string id = names_.next();
  entries_.emplace(id, Entry{owner, job, {}, std::make_shared<Broadcast>(executor_)});
  ++by_owner_[owner].jobs;
  return id;
}

void KeptJobs::finish(const std::string& id, Response answer) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  bytes_ += answer.body.size();
  Owner& owner = by_owner_.at(entry->second.owner);
  ++owner.kept;
  owner.bytes += answer.body.size();
  entry->second.job.reset();
  entry->second.answer = std::make_shared<const Response>(std::move(answer));
  entry->second.dropped_at = Clock::now() + limits_.keep;
  entry->second.news->set();
  answered_.push_back(id);
  while (bytes_ > limits_.bytes) {
    const auto heaviest = std::max_element(
        by_owner_.begin(), by_owner_.end(),
        [](const auto& one, const auto& other) { return one.second.bytes < other.second.bytes; });
    drop_oldest_of(
        std::string(heaviest->first), Which::any,
        "the answers that are kept are bounded to " + std::to_string(limits_.bytes) + " bytes");
  }
  drop_old_ones();
}

void KeptJobs::drop_old_ones() {
  while (!answered_.empty() && entries_.at(answered_.front()).dropped_at <= Clock::now())
    drop(std::string(answered_.front()),
         "answers are kept for " + std::to_string(limits_.keep.count()) + " s (PYEXEC_JOB_KEEP_S)");
  if (answered_.empty()) return;
  expiry_.expires_at(entries_.at(answered_.front()).dropped_at);
  expiry_.async_wait([this](error_code error) {
    if (!error) drop_old_ones();
  });
}

void KeptJobs::drop(const std::string& id, const std::string& why) {
  auto entry = entries_.extract(id);
  if (entry.empty()) return;
  const auto owner = by_owner_.find(entry.mapped().owner);
  if (entry.mapped().answer) {
    bytes_ -= entry.mapped().answer->body.size();
    owner->second.bytes -= entry.mapped().answer->body.size();
    --owner->second.kept;
    answered_.remove(id);
  }
  entry.mapped().news->set();
  if (--owner->second.jobs == 0) by_owner_.erase(owner);
  gone_.put(id, {entry.mapped().owner, "the answer of this job was dropped: " + why});
}

boost::system::result<const KeptJobs::Entry*, Outcome> KeptJobs::find(const std::string& id,
                                                                      const std::string& owner) {
  const auto entry = entries_.find(id);
  if (entry != entries_.end() && entry->second.owner == owner) return &entry->second;
  const Gone* gone = gone_.find(id);
  if (gone != nullptr && gone->owner == owner) return failed(OutcomeKind::gone, gone->why);
  if (const auto elsewhere = names_.given_elsewhere(id, "job"))
    return failed(OutcomeKind::misdirected, *elsewhere);
  return failed(OutcomeKind::not_found, "there is no job of this name");
}

void KeptJobs::end(const std::string& id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  const std::shared_ptr<RunningJob> job = entry->second.job;
  drop(id, "its caller has ended it");
  if (job) job->cancellation.request(Cancellation::By::client);
}

void KeptJobs::was_told(const std::string& id) {
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) entry->second.is_told = true;
}

KeptJobCount KeptJobs::count() const {
  return {entries_.size() - answered_.size(), answered_.size(), bytes_};
}

}  // namespace pyexec
