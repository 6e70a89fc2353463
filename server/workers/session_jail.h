// The processes of one session or template, in a jail of their own. On the server's thread.
//
//   state 0 ── fork ──▶ cell 1 ── done ──▶ state 1 ── fork ──▶ cell 2 ...      each a process
//
// State 0 is the first process after the set-up; it lives as long as the jail. Any state that is
// kept can be forked, any number of times. A cell that fails in a way that leaves its process in
// doubt is ended, and leaves no state. The jail's init ends cells by order, and tells how they
// ended (sandbox/base/cell_line.h).
//
// Where a job cannot fork, each cell runs in the first process, and one that has to be ended ends
// the jail.
//
// A template's set-up is state 0, and each of its jobs a cell that leaves no state. For these, a
// spare process is forked ahead of each.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/base/cancellation.h"
#include "server/job/outcome.h"
#include "server/workers/cell_process.h"
#include "server/workers/jail_share.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

class SessionJail : public std::enable_shared_from_this<SessionJail> {
 public:
  enum class Forks : bool { no, yes };
  // look_at_group: returns the state of the jail's control group, or nullopt if there is none.
  using LookAtGroup = std::function<awaitable<std::optional<GroupState>>()>;
  SessionJail(std::shared_ptr<WorkerHandle> first, Forks forks, LookAtGroup look_at_group);
  // Call once, first.
  void begin();

  using State = std::uint64_t;  // the number of the cell that has left it
  enum class Keep : bool { no, yes };
  // Whether a cell that has reported, and has made no other process, may still be there when it is
  // answered: stopped, until `end_stopped` is called. Its usage is not known then.
  enum class Accounting : bool { complete, quick };
  struct Cell {
    const Job& job;
    const JobCaps& caps;
    Deadline deadline;
    Offload& offload;
    std::shared_ptr<JobOutput> output;
    State from;    // is kept
    State number;  // of this cell; 0: the set-up, which runs in state 0
    Keep keep;
    Accounting accounting = Accounting::complete;
  };
  struct CellEnd {
    Outcome outcome;
    bool is_kept = false;
    std::uint64_t grown_bytes = 0;  // by its own word
    bool is_stopped = false;        // and waits for `end_stopped`
    // No process or thread was made in the jail after the cell's own, by the kernel's count. Only
    // of a cell that was ended, which is one that left no state.
    bool was_alone = false;
  };
  // Returns no later than the deadline plus the time the kernel takes to kill. By then no process
  // that the cell started is left, but its own if its state is kept. The references must outlive
  // the call.
  awaitable<CellEnd> run(Cell cell, Cancellation& cancellation);
  // Ends the cell that is stopped, if there is one. Call before another one is run. Returns whether
  // it was alone, as CellEnd tells of others.
  awaitable<bool> end_stopped();

  // Forks a process from state 0, which the next cell from there takes. touched: there is none, as
  // files are not as the set-up of a template had left them.
  enum class Forked { yes, no, touched };
  awaitable<Forked> fork_spare();
  awaitable<void> drop_spare();

  bool has(State state) const { return states_.contains(state); }
  // Ends its process. Not state 0.
  void drop(State state);
  // Bytes in use by the whole jail, by the kernel's count. Returns nullopt where nobody counts.
  awaitable<std::optional<std::uint64_t>> memory_bytes();

  // Ends all processes. `why`: for `ended`.
  void end(const std::string& why);
  // Why the jail has ended, or is ending.
  const std::optional<std::string>& ended() const { return ended_; }
  const char* name = "the session";  // in errors

  // Called once, when `ended` becomes known.
  std::function<void()> on_end;
  // Called whenever a state is lost that nobody has dropped.
  std::function<void(State)> on_state_lost;

 private:
  // For a state to fork a process, which takes it a millisecond or, with much memory, some.
  static constexpr std::chrono::seconds kForkTime{5};

  struct Process {
    std::shared_ptr<JobSocket> socket;
    pid_t pid;
  };
  struct Order {
    explicit Order(net::any_io_executor executor) : done(executor) {}
    Event done;
    bool is_carried_out = false, was_alone = false;
  };
  struct Spare {
    CellChannels channels;
    pid_t pid;
  };
  enum class Verdict { kept, dropped, stopped };

  awaitable<void> hear();
  void take(const sandbox::CellNotice& notice);
  void take_end(const sandbox::CellNotice& notice);
  void add_running(const std::shared_ptr<CellProcess>& cell);
  struct Carried {
    bool is_done = false, was_alone = false;
  };
  awaitable<Carried> order(sandbox::CellOrder what, pid_t pid);
  std::optional<CellChannels> send_fork(State from);
  awaitable<bool> finish(const Cell& cell, const std::shared_ptr<CellProcess>& process,
                         Verdict verdict);
  awaitable<Outcome> outcome_of(const Cell& cell, const CellProcess& process, bool in_time,
                                bool is_cancelled, std::uint64_t kills_before);
  std::shared_ptr<CellProcess> start(const Cell& cell, const Assignment& job);
  Outcome lost() const;
  bool runs_in_first(const Cell& cell) const { return forks_ == Forks::no || cell.number == 0; }

  std::shared_ptr<WorkerHandle> first_;
  const net::any_io_executor executor_;
  const Forks forks_;
  const LookAtGroup look_at_group_;
  JailShare share_;
  std::map<State, Process> states_;
  std::map<pid_t, std::weak_ptr<CellProcess>> running_;
  std::map<pid_t, sandbox::CellNotice> early_;  // ends of cells that are not known to have begun
  std::map<pid_t, std::shared_ptr<Order>> orders_;
  std::map<CellProcess*, std::weak_ptr<CellProcess>> cells_;  // all that run
  std::optional<Spare> spare_;
  pid_t stopped_ = 0;               // 0: none
  bool has_stopped_ended_ = false;  // by itself
  std::uint64_t memory_kills_ = 0;  // as last seen
  std::optional<std::string> ended_;
  Broadcast empty_;                 // no process of the jail is left
  std::optional<int> first_death_;  // of the first process, as from waitpid(2)
  bool was_out_of_memory_ = false;  // when it died
};

}  // namespace pyexec
