// Jobs whose callers do not wait for the answer: each runs without a request, and its answer is
// kept for a while. On the server's thread.
//
//   begin ── runs ──▶ finish ── the answer is kept ──▶ dropped after `keep`, or for newer ones
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/base/instance_names.h"
#include "server/base/recent.h"
#include "server/engine/running_job.h"
#include "server/http/response.h"
#include "server/telemetry/kept_job_metrics.h"

namespace pyexec {

struct KeptJobLimits {
  std::uint64_t jobs, jobs_per_owner;  // that run, or whose answers are kept
  std::uint64_t bytes;                 // of all answers
  std::chrono::seconds keep;           // an answer
};

class KeptJobs {
 public:
  KeptJobs(net::any_io_executor executor, std::string instance, const KeptJobLimits& limits);

  // A job and, once it has ended, its answer.
  struct Entry {
    std::string owner;
    std::shared_ptr<RunningJob> job;  // nullptr: it has ended
    std::shared_ptr<const Response> answer = {};
    std::shared_ptr<Broadcast> news = {};  // it has ended, or was dropped
    Deadline dropped_at = Deadline::max();
    bool is_told = false;
  };
  // Returns the name of the request's owner's job, or why there can be none: busy. Answers
  // that were told make room for new jobs of their owner; if there are too many jobs in all, the
  // oldest of the owner who has most.
  boost::system::result<std::string, Outcome> begin(const std::shared_ptr<RunningJob>& job);
  // The job has ended, and this is its answer. Ignored if the job was dropped meanwhile.
  void finish(const std::string& id, Response answer);
  // Returns the entry, or the outcome that says why there is none: not_found (nobody's, or somebody
  // else's), gone (dropped), misdirected (of another instance). Valid until the next turn of the
  // event loop.
  boost::system::result<const Entry*, Outcome> find(const std::string& id,
                                                    const std::string& owner);
  // The caller has been told the answer: it makes room for a newer job of its owner.
  void was_told(const std::string& id);
  // Ends the job if it runs, and drops its answer.
  void end(const std::string& id);

  KeptJobCount count() const;

 private:
  void drop(const std::string& id, const std::string& why);
  void drop_old_ones();
  // Drops the oldest answer of this owner, if there is one.
  enum class Which : bool { told, any };
  void drop_oldest_of(const std::string& owner, Which which, const std::string& why);
  struct Owner {
    std::uint64_t jobs = 0, kept = 0, bytes = 0;
  };

  const net::any_io_executor executor_;
  const InstanceNames names_;
  const KeptJobLimits limits_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, Owner> by_owner_;
  std::list<std::string> answered_;  // oldest first
  std::uint64_t bytes_ = 0;
  struct Gone {
    std::string owner, why;
  };
  Recent<Gone> gone_;
  net::steady_timer expiry_;
};

}  // namespace pyexec
