// The jobs of this instance that have tools: who owns which, and which of their calls wait for an
// answer. On the server's thread.
//
//   begin ── runs ──▶ park ── a token for the caller ──▶ find ── answers ──▶ resume ── runs ──▶ ...
//
// Tokens are used once. A job that nobody goes on with is ended after `wait`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/base/instance_names.h"
#include "server/base/recent.h"
#include "server/engine/running_job.h"
#include "server/telemetry/log.h"
#include "server/telemetry/metrics.h"

namespace pyexec {

struct ToolJobLimits {
  std::uint64_t jobs, jobs_per_owner;  // with tools, whether they run or wait
  std::chrono::seconds wait;           // for answers
};

class ToolJobs {
 public:
  ToolJobs(net::any_io_executor executor, const Telemetry& telemetry, std::string instance,
           const ToolJobLimits& limits);

  // There can be none on this host.
  void refuse_all(std::string why) { refusal_ = std::move(why); }
  // Returns a job of the request's owner, with its output, or why there can be none: busy.
  boost::system::result<std::shared_ptr<RunningJob>, Outcome> begin(
      JobRequest request, std::shared_ptr<JobOutput> output);

  // The calls that one token stands for.
  struct Group {
    std::shared_ptr<RunningJob> job;
    std::set<std::uint64_t> numbers;
    std::shared_ptr<net::steady_timer> expiry;
    bool is_being_answered = false;
  };
  // Returns the token.
  std::string park(const std::shared_ptr<RunningJob>& job, const std::vector<ToolCall>& calls);
  // Returns the group, or the outcome that says why there is none: not_found (nobody's, or somebody
  // else's), gone (it was used, or has expired), busy (another request is about to use it),
  // misdirected (of another instance). Valid until `use`, or the group's end.
  boost::system::result<Group*, Outcome> find(const std::string& token, const std::string& owner);
  // The answers were not taken: the token stays as it was.
  void put_back(const std::string& token);
  // The token was used.
  void use(const std::string& token);
  // The job's outcome was told, or nobody is there to hear it.
  void end(const std::shared_ptr<RunningJob>& job);

  // Whether there are jobs whose callers read events, and answer calls by other requests.
  bool has_live() const;
  // Ends the jobs that wait: the service stops.
  void drain();
  struct Count {
    std::uint64_t jobs, waiting;
  };
  Count count() const;

 private:
  struct Gone {
    std::string owner, why;
  };
  void forget(const std::string& token, const std::string& why);
  void expire(const std::string& token);
  void watch(const std::string& token, const std::shared_ptr<net::steady_timer>& timer);

  const net::any_io_executor executor_;
  const Telemetry telemetry_;
  const InstanceNames tokens_;
  const ToolJobLimits limits_;
  std::set<std::shared_ptr<RunningJob>> jobs_;
  std::map<std::string, std::uint64_t> by_owner_;
  std::map<std::string, Group, std::less<>> groups_;  // by token
  Recent<Gone> gone_;                                 // by token
  std::optional<std::string> refusal_;                // of all
};

}  // namespace pyexec
