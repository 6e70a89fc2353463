#include "client/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace pyexec::client {
namespace {

constexpr int kBarCells = 24;

std::string rounded(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), value < 10 ? "%.1f" : "%.0f", value);
  return text.data();
}

std::string clock_time(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(seconds));
  std::array<char, 40> text;
  if (whole >= 3600)
    std::snprintf(text.data(), text.size(), "%u:%02u:%02u", static_cast<unsigned>(whole / 3600),
                  static_cast<unsigned>(whole / 60 % 60), static_cast<unsigned>(whole % 60));
  else
    std::snprintf(text.data(), text.size(), "%u:%02u", static_cast<unsigned>(whole / 60),
                  static_cast<unsigned>(whole % 60));
  return text.data();
}

std::string cells(double share) {
  const int full = std::clamp(static_cast<int>(share * kBarCells), 0, kBarCells);
  std::ostringstream out;
  out << "[" << std::string(full, '#') << std::string(kBarCells - full, '.') << "] ";
  return out.str();
}

}  // namespace

std::uint64_t Tally::ok() const {
  const auto found = by_outcome.find("ok");
  return found == by_outcome.end() ? 0 : found->second;
}

std::uint64_t Tally::done() const {
  std::uint64_t sum = 0;
  for (const auto& [outcome, jobs] : by_outcome) sum += jobs;
  return sum;
}

double Progress::rate(std::uint64_t done, Time now) {
  while (samples_.size() > 1 && samples_[1].at + kSpan <= now) samples_.pop_front();
  const Sample& first = samples_.front();
  const double seconds = std::chrono::duration<double>(now - first.at).count();
  const double jobs = static_cast<double>(done) - static_cast<double>(first.done);
  samples_.push_back({now, done});
  return seconds > 0 ? std::max(jobs, 0.0) / seconds : 0;
}

std::string Progress::bar(const State& state, Time now) {
  const double per_second = rate(state.done - state.before, now);
  const auto done = static_cast<double>(state.done);
  std::optional<double> share, left;  // left: jobs
  if (total_.jobs) {
    share = *total_.jobs == 0 ? 1 : done / static_cast<double>(*total_.jobs);
    left = static_cast<double>(*total_.jobs) - done;
  } else if (total_.bytes && *total_.bytes > 0 && state.done_bytes > 0) {
    share = static_cast<double>(state.done_bytes) / static_cast<double>(*total_.bytes);
    left = done / *share - done;
  }
  std::ostringstream out;
  if (share) out << cells(*share);
  out << state.done;
  if (total_.jobs) out << "/" << *total_.jobs;
  if (share) out << " " << static_cast<int>(std::min(*share, 1.0) * 100) << "%";
  out << " " << rounded(per_second) << "/s " << state.failed << " failed";
  if (left && per_second > 0)
    out << " " << clock_time(std::max(*left, 0.0) / per_second) << " left";
  return out.str();
}

std::string text_of(const Summary& summary) {
  const double seconds = std::chrono::duration<double>(summary.time).count();
  const std::uint64_t done = summary.tally.done();
  std::ostringstream out;
  out << done << (done == 1 ? " job: " : " jobs: ") << summary.tally.ok() << " ok";
  for (const auto& [outcome, jobs] : summary.tally.by_outcome)
    if (outcome != "ok") out << ", " << jobs << " " << outcome;
  if (summary.unanswered > 0) out << ", " << summary.unanswered << " without an answer";
  if (summary.before > 0) out << "; " << summary.before << " of them by an earlier run";
  out << "; " << rounded(seconds) << " s";
  if (seconds > 0)
    out << ", " << rounded(static_cast<double>(done - summary.before) / seconds) << " jobs/s";
  return out.str();
}

}  // namespace pyexec::client
