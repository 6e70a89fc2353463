// The sessions of this instance: who owns which, how many there may be, and when they end. On the
// server's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/base/instance_names.h"
#include "server/base/lifecycle.h"
#include "server/base/recent.h"
#include "server/base/turns.h"
#include "server/engine/session.h"
#include "server/engine/templates.h"
#include "server/workers/session_maker.h"

namespace pyexec {

// most: of its own sessions, if they are fewer than the service's limit.
struct SessionOwner {
  std::string name;
  std::optional<std::uint64_t> most = {};
};

struct SessionLimits {
  std::uint64_t sessions, sessions_per_owner;
  std::chrono::seconds idle, life;
  std::uint64_t kept_states;
  std::uint64_t memory_bytes;  // of a session; half of it is for states that are kept
  std::uint64_t running_cells;
  std::chrono::milliseconds make_time;  // for a jail, and at first for the zygote
};

class Sessions {
 public:
  struct Parts {
    net::any_io_executor executor;
    Telemetry telemetry;
    Offload& offload;
    SessionMaker& maker;
    Templates& templates;
    const JobCaps& caps;
  };
  Sessions(const Parts& parts, const SessionLimits& limits);

  const SessionLimits limits;
  // Names this instance at the beginning of each id.
  const std::string instance;
  // Before the first session. Whether a job can fork.
  void set_forks(SessionJail::Forks forks) { forks_ = forks; }

  // There can be none on this host.
  void refuse_all(std::string why) { refusal_ = std::move(why); }
  // Makes a session and runs its set-up. `session` is nullptr unless the outcome is `ok`. The
  // outcome is `busy` if there are too many, with `words` of why.
  struct Opened {
    std::shared_ptr<Session> session;
    Outcome outcome;
  };
  awaitable<Opened> open(const JobRequest& setup, SessionOwner owner,
                         std::shared_ptr<JobOutput> output, Cancellation& cancellation);

  // Returns the session, or the outcome that says why there is none: not_found (nobody's, or
  // somebody else's), gone, misdirected (of another instance).
  boost::system::result<std::shared_ptr<Session>, Outcome> find(std::string_view id,
                                                                const std::string& owner);
  std::vector<std::shared_ptr<Session>> of(const std::string& owner) const;

  // Runs a cell. Fills `output`.
  awaitable<Outcome> run(std::shared_ptr<Session> session, const JobRequest& request,
                         std::shared_ptr<JobOutput> output, Cancellation& cancellation);
  // Runs a job that is no cell: it writes or returns files. The session stays as it is.
  awaitable<Outcome> run_aside(std::shared_ptr<Session> session, const JobRequest& request,
                               std::shared_ptr<JobOutput> output, Cancellation& cancellation);

  void end(const std::string& id, SessionEnd why);
  // Ends those that run no cell now, and the others once they run none. No more are made.
  void drain();

  SessionCount count() const;

  Turns file_turns{2};  // of jobs that return a file, which may be as large as the scratch space

 private:
  struct Gone {
    std::string owner;
    SessionEnd why;
  };
  awaitable<boost::system::result<std::shared_ptr<SessionJail>, Outcome>> jail_for(
      const JobRequest& setup, Cancellation& cancellation);
  awaitable<Outcome> run_on(Session& session, const JobRequest& request,
                            std::shared_ptr<JobOutput> output, Cancellation& cancellation,
                            bool is_cell);
  void watch(const std::shared_ptr<Session>& session);
  void trim(const std::shared_ptr<Session>& session);
  awaitable<void> trim_by_memory(std::shared_ptr<Session> session);
  // Why a session that is not there any more has ended.
  SessionEnd end_of(const std::string& id) const;
  void give_up_place(const std::string& owner);

  const InstanceNames names_;
  const Parts parts_;
  SessionJail::Forks forks_ = SessionJail::Forks::no;
  Turns turns_;
  struct Entry {
    std::shared_ptr<Session> session;
    std::shared_ptr<net::steady_timer> expiry;
  };
  std::map<std::string, Entry, std::less<>> sessions_;  // by id
  std::map<std::string, std::uint64_t> places_;         // taken, by owner; also by those that begin
  std::uint64_t places_taken_ = 0;
  Recent<Gone> gone_;  // by id
  bool is_draining_ = false;
  std::optional<std::string> refusal_;  // of all
};

}  // namespace pyexec
