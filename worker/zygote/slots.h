// Slots: if control groups bound a job, its worker is forked by a process that lives in them.
//
//   zygote ── fork, once a slot ──▶ slot process, in the slot's groups
//          ── jail ──▶              ── fork ──▶ worker: in them from birth, with all that it forks
//          ◀─ told ─┘   ... ◀─ free ── once nobody and nothing of the job is left in them
//
// A slot process keeps the jail of a job that left it untouched (sandbox/makers/kept_jail.h), and
// the next job is forked into it. If that jail has ended by then, the zygote requests another.
//
// Moving a process into a group takes the kernel between half a millisecond and fifteen; this way
// no job waits for it. A slot process is a copy of the zygote, announces its workers to the server
// itself, and dies with the zygote. If it ends earlier, for lack of memory, say, its worker ends
// with it, and it is not replaced; the others go on.
#pragma once

#include <poll.h>

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "sandbox/layers/in_flight.h"
#include "worker/zygote/forker.h"

namespace pyexec {

// From the zygote to a slot process, with the descriptors of a new jail, or none: in the jail that
// it keeps.
struct SlotRequest {
  std::uint32_t worker_id;
  Readiness readiness;
  sandbox::JailTimes times;
};

class Slots {
 public:
  // generation: of the zygote, so that its groups differ from those of the one before.
  Slots(Forker& forker, const sandbox::Plan& plan, const sandbox::Limits& limits,
        std::uint32_t generation, sandbox::ClosedFiles& closed_files)
      : forker_(forker),
        plan_(plan),
        limits_(limits),
        generation_(generation),
        closed_files_(closed_files) {}

  // Forks in the slot without a jail that has been free for longest, or in a new one.
  sandbox::SetupError fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness);
  // Forks in a jail that is free and proven untouched. Returns false if there is none.
  bool fork_in_kept_jail(std::uint32_t worker_id, const Readiness& readiness,
                         sandbox::SetupError& error);

  // The workers that wait for a new jail, because the one that was kept for them is lost.
  std::map<std::uint32_t, Readiness> take_jailless() { return std::exchange(jailless_, {}); }

  // What the kernel tells of the slot that the worker lives in; zeros if there is none.
  GroupState look_at(std::uint32_t worker_id) const;

  // add_sources adds the descriptors to poll. hear takes them after the poll, in the same order,
  // and returns false if the server is gone.
  void add_sources(std::vector<pollfd>& sources) const;
  bool hear(std::span<const pollfd> sources);

 private:
  struct SlotProcess {
    UniqueFd socket;  // none: it has ended
    std::uint32_t worker_id = kNoWorker;
    Readiness readiness = {};               // that the worker was asked to have
    bool is_told = false;                   // whether the server knows of the worker
    std::uint32_t made_for = 0;             // first worker of its last jail
    std::optional<std::uint32_t> kept_for;  // the same, if the next job can have that jail
    std::uint64_t clean_at = 0;             // by the count of ClosedFiles
  };

  sandbox::SetupError add_slot(sandbox::EmptyJail& waiting);
  bool keeps_jail_for(const SlotProcess& slot, std::uint32_t worker_id) const;
  sandbox::SetupError hand_over(std::deque<std::size_t>::iterator chosen,
                                const SlotRequest& request, std::span<const int> fds);
  bool lose(std::size_t index);

  Forker& forker_;
  const sandbox::Plan& plan_;
  const sandbox::Limits limits_;
  const std::uint32_t generation_;
  sandbox::ClosedFiles& closed_files_;
  std::vector<SlotProcess> slots_;
  std::deque<std::size_t> free_;
  std::map<std::uint32_t, Readiness> jailless_;
};

}  // namespace pyexec
