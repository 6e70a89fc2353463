// One template of one owner: its set-up, and the jails in which that has run. On the server's
// thread.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "server/base/cancellation.h"
#include "server/base/event.h"
#include "server/job/job_request.h"
#include "server/workers/session_jail.h"

namespace pyexec {

Outcome unknown_template(const std::string& name);

class Template {
 public:
  Template(std::string its_name, JobRequest its_setup)
      : name(std::move(its_name)), setup(std::move(its_setup)) {}

  const std::string name;
  const JobRequest setup;  // with its owner

  // A jail whose state 0 is the set-up's, and which runs no job.
  struct Jail {
    std::shared_ptr<SessionJail> processes;
    std::uint64_t bytes = 0;  // of memory, once the set-up had run
    std::uint64_t jobs = 0;   // that it has run
  };

  // Waits for a jail. Returns nullopt at `deadline`, once cancelled, or if the template is removed.
  awaitable<std::optional<Jail>> take(Deadline deadline, Cancellation& cancellation);
  // Gives a jail, which is counted in `jails`, to whoever waits for one, or keeps it. Returns false
  // if the jail has ended; then it is not counted any more.
  bool give(Jail jail);
  // Nobody will give one soon: whoever waits is told why.
  void fail(const Outcome& why);
  // Ends the jails that run no job, and lets nobody wait.
  void remove(const std::string& why);
  // Forgets those that have ended by themselves. Returns how many.
  std::uint64_t sweep();

  bool is_removed() const { return is_removed_; }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t free() const { return free_.size(); }
  // Why the last set-up has failed, unless another one has begun since.
  const std::optional<Outcome>& failure() const { return failure_; }
  void forget_failure() { failure_.reset(); }

  std::uint64_t jails = 0;  // alive: free, running a job, or becoming free
  std::uint64_t making = 0;
  std::uint64_t coming = 0;  // those that are made, and those that become free after a job
  std::uint64_t running = 0, jobs = 0;
  std::uint64_t bytes = 0;  // of one jail, as last seen
  Deadline last_use = Clock::now();

 private:
  struct Waiting {
    explicit Waiting(net::any_io_executor executor) : decided(executor) {}
    Event decided;
    std::optional<Jail> jail;
  };

  std::list<Jail> free_;
  std::list<std::shared_ptr<Waiting>> waiting_;
  std::optional<Outcome> failure_;
  bool is_removed_ = false;
};

}  // namespace pyexec
