#include "client/ledger.h"

namespace pyexec::client {

bool Ledger::has_room(std::uint64_t bytes) const {
  if (jobs_.empty()) return true;
  return jobs_.size() < limits_.jobs && bytes_ + bytes <= limits_.bytes;
}

void Ledger::add(std::uint64_t place, std::string line) {
  bytes_ += line.size();
  jobs_.emplace(place, Job{std::move(line)});
  waiting_.push_back(place);
}

std::optional<std::string_view> Ledger::take_next() {
  if (waiting_.empty()) return std::nullopt;
  const std::uint64_t place = waiting_.front();
  waiting_.pop_front();
  out_.emplace(next_index_++, place);
  return jobs_.at(place).line;
}

bool Ledger::is_to_be_sent_again(Job& job, std::string_view outcome) const {
  if (outcome == "busy" || outcome == "rate_limited") return true;
  return outcome == "internal" && job.internal_ends++ < limits_.internal_retries;
}

Ledger::Verdict Ledger::settle(std::uint64_t index, std::string_view outcome) {
  const auto entry = out_.find(index);
  if (entry == out_.end()) return {Verdict::What::unknown};
  const std::uint64_t place = entry->second;
  out_.erase(entry);
  const auto job = jobs_.find(place);
  const std::uint64_t bytes = job->second.line.size();
  if (is_to_be_sent_again(job->second, outcome)) {
    waiting_.push_back(place);
    return {Verdict::What::again, place, bytes};
  }
  bytes_ -= bytes;
  jobs_.erase(job);
  return {Verdict::What::report, place, bytes};
}

void Ledger::restart() {
  out_.clear();
  waiting_.clear();
  for (const auto& [place, job] : jobs_) waiting_.push_back(place);
  next_index_ = 0;
}

}  // namespace pyexec::client
