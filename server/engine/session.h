// One session: its cells, which of their states are kept, and its clock. On the server's thread.
#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/base/turns.h"
#include "server/job/job_request.h"
#include "server/telemetry/session_metrics.h"
#include "server/workers/session_jail.h"

namespace pyexec {

struct CellRecord {
  std::uint64_t number, at;
  OutcomeKind outcome;
  std::uint64_t run_ns, grown_bytes;
};

class Session {
 public:
  struct Terms {
    std::string id, owner;
    std::chrono::seconds idle, life;
    std::uint64_t kept_states;  // at most, with the set-up's and the head's: 2 or more
    SessionJail::Forks forks;
  };
  Session(Terms terms, std::shared_ptr<SessionJail> jail);

  const Terms terms;
  const std::shared_ptr<SessionJail> jail;

  // The state that a cell is to run on. Returns why there is none, as an outcome of the cell.
  boost::system::result<SessionJail::State, Outcome> state_for(
      const std::optional<std::uint64_t>& at);
  // A cell begins and, in the same order or another, ends. `finish` adds the cell's place to the
  // outcome and, if the session goes on from elsewhere, says so in the error.
  std::uint64_t begin_cell();
  void finish_cell(std::uint64_t number, SessionJail::State from, SessionJail::CellEnd& end);
  // Something runs that is no cell, or will be one: until it is destroyed, the session is in use,
  // and the state is not dropped.
  class Use {
   public:
    Use(Session& session, SessionJail::State state);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Session& session_;
    const SessionJail::State state_;
  };
  Turns turn;  // where a session is one process
  void lost_state(SessionJail::State state);

  // Drops the states that were used least lately, until no more are kept than may be, and as many
  // again as hold `bytes` by their own word. Returns how many.
  std::uint64_t drop_beyond_limit();
  std::uint64_t drop_least_used(std::uint64_t bytes);

  // Whether cells have run for so long since the last call that they may have filled much memory.
  bool take_unweighed();

  std::uint64_t head() const { return head_; }
  std::uint64_t running() const { return running_; }  // cells, and what else uses it
  std::uint64_t cells() const { return next_ - 1; }
  std::uint64_t states() const { return 1 + kept_.size(); }
  // The last ones, at most kMostRecords.
  const std::deque<CellRecord>& records() const { return records_; }
  static constexpr std::size_t kMostRecords = 1000;
  bool keeps(std::uint64_t cell) const;

  using WallClock = std::chrono::system_clock;
  WallClock::time_point created() const { return created_; }
  // nullopt: while a cell runs, it is only its whole life that can end.
  Deadline expires() const;
  bool is_at_its_end() const { return Clock::now() >= end_of_life_; }
  WallClock::time_point expires_at() const;
  SessionEnd reason_to_expire() const {
    return is_at_its_end() ? SessionEnd::life : SessionEnd::idle;
  }

 private:
  std::string kept_list() const;
  std::uint64_t drop_one();

  const WallClock::time_point created_ = WallClock::now();
  const Deadline began_ = Clock::now();
  const Deadline end_of_life_;
  std::map<SessionJail::State, int> used_;  // states that something is forked from
  Deadline last_use_ = Clock::now();
  std::uint64_t next_ = 1, head_ = 0, running_ = 0;
  std::uint64_t unweighed_ns_ = 0;
  struct Kept {
    std::uint64_t cell, grown_bytes;
  };
  std::list<Kept> kept_;  // beside state 0; the least lately used first
  std::deque<CellRecord> records_;
};

}  // namespace pyexec
