// Of pyexec-load: what became of every request, and the line of JSON that says so.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace pyexec::load {

using Moment = std::chrono::steady_clock::time_point;

// Every request that is offered ends in exactly one of ok, refusals, wrong, failures and unreached.
class Tally {
 public:
  Moment begin, last;  // last: of the answers
  std::size_t offered = 0, connections = 0;
  // Kept connections that the server had closed before a request was to go out on them.
  std::size_t renewed = 0;
  std::size_t unreached = 0;                                     // nobody listens: nothing was sent
  std::map<std::string, std::size_t> refusals, wrong, failures;  // by reason
  std::vector<double> lateness_us;                               // the generator's own

  void set_interval(std::chrono::milliseconds interval) { interval_ = interval; }

  void answered(Moment intended) {
    latencies_us_.push_back(std::chrono::duration<double, std::micro>(last - intended).count());
    if (Interval* place = interval_of(intended))
      place->latencies_us.push_back(latencies_us_.back());
  }
  void refused(Moment intended, const std::string& reason) {
    ++refusals[reason];
    if (Interval* place = interval_of(intended)) ++place->refused;
  }
  void failed(Moment intended) {
    if (Interval* place = interval_of(intended)) ++place->failed;
  }

  // Those without an end are failures.
  void close(const std::string& reason) {
    const std::size_t ended =
        latencies_us_.size() + sum(refusals) + sum(wrong) + sum(failures) + unreached;
    if (ended < offered) failures[reason] = offered - ended;
  }

  std::string json() const {
    rapidjson::StringBuffer text;
    Writer writer(text);
    rusage own = {};
    ::getrusage(RUSAGE_SELF, &own);
    writer.StartObject();
    count(writer, "offered", offered);
    count(writer, "ok", latencies_us_.size());
    count(writer, "refused", sum(refusals));
    count(writer, "wrong", sum(wrong));
    count(writer, "failed", sum(failures));
    count(writer, "unreached", unreached);
    count(writer, "renewed", renewed);
    reasons(writer, "refusals", refusals);
    reasons(writer, "wrong_reasons", wrong);
    reasons(writer, "failures", failures);
    count(writer, "connections", connections);
    number(writer, "seconds", std::chrono::duration<double>(last - begin).count());
    number(writer, "own_cpu_s", seconds(own.ru_utime) + seconds(own.ru_stime));
    summary(writer, "latency_us", latencies_us_);
    summary(writer, "late_us", lateness_us);
    if (interval_.count() > 0) timeline(writer);
    writer.EndObject();
    return text.GetString();
  }

 private:
  using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
  struct Interval {
    std::vector<double> latencies_us;
    std::size_t refused = 0, failed = 0;
  };

  Interval* interval_of(Moment intended) {
    if (interval_.count() == 0) return nullptr;
    const auto number = static_cast<std::size_t>((intended - begin) / interval_);
    if (number >= intervals_.size()) intervals_.resize(number + 1);
    return &intervals_[number];
  }

  static std::size_t sum(const std::map<std::string, std::size_t>& counts) {
    std::size_t all = 0;
    for (const auto& [reason, one] : counts) all += one;
    return all;
  }
  static double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  }
  static void number(Writer& writer, const char* name, double value) {
    writer.Key(name);
    writer.Double(value);
  }
  static void count(Writer& writer, const char* name, std::size_t value) {
    writer.Key(name);
    writer.Uint64(value);
  }
  static void reasons(Writer& writer, const char* name,
                      const std::map<std::string, std::size_t>& counts) {
    writer.Key(name);
    writer.StartObject();
    for (const auto& [reason, one] : counts) count(writer, reason.c_str(), one);
    writer.EndObject();
  }

  // Nearest rank over all samples; nothing is left out.
  static void summary(Writer& writer, const char* name, std::vector<double> values) {
    std::sort(values.begin(), values.end());
    writer.Key(name);
    writer.StartObject();
    for (const auto& [key, share] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}}) {
      if (values.empty()) break;
      const auto rank =
          static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
      number(writer, key, values[std::max<std::size_t>(rank, 1) - 1]);
    }
    writer.EndObject();
  }

  void timeline(Writer& writer) const {
    writer.Key("intervals");
    writer.StartArray();
    for (std::size_t i = 0; i < intervals_.size(); ++i) {
      writer.StartObject();
      number(writer, "from_s", std::chrono::duration<double>(interval_ * i).count());
      count(writer, "ok", intervals_[i].latencies_us.size());
      count(writer, "refused", intervals_[i].refused);
      count(writer, "failed", intervals_[i].failed);
      summary(writer, "latency_us", intervals_[i].latencies_us);
      writer.EndObject();
    }
    writer.EndArray();
  }

  std::chrono::milliseconds interval_{0};
  std::vector<Interval> intervals_;
  std::vector<double> latencies_us_;
};

}  // namespace pyexec::load
