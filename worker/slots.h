// Slots: where control groups bound a job, its worker is forked by a process that lives in them.
//
//   zygote ── fork, once a slot ──▶ slot process, in the slot's groups
//          ── jail ──▶              ── fork ──▶ worker: in them from birth, with all that it forks
//          ◀─ free ──
//
// Moving a process into a group takes the kernel between half a millisecond and fifteen; this way
// no job waits for it. A slot process is a copy of the zygote, tells the server of its workers
// itself, and dies with the zygote.
#pragma once

#include <poll.h>

#include <deque>
#include <vector>

#include "worker/forker.h"

namespace pyexec {

class Slots {
 public:
  // generation: of the zygote, so that its groups are not those of the one before.
  Slots(Forker& forker, const sandbox::Plan& plan, const sandbox::Limits& limits,
        std::uint32_t generation)
      : forker_(forker), plan_(plan), limits_(limits), generation_(generation) {}

  // In the slot that has been free for longest, or in a new one.
  sandbox::SetupError fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness);

  // What to poll, and what came of it, in the same order; false if a slot process is gone.
  void add_sources(std::vector<pollfd>& sources) const;
  bool hear(std::span<const pollfd> sources);

 private:
  sandbox::SetupError add_slot(sandbox::EmptyJail& waiting);

  Forker& forker_;
  const sandbox::Plan& plan_;
  const sandbox::Limits limits_;
  const std::uint32_t generation_;
  std::vector<UniqueFd> slots_;
  std::deque<std::size_t> free_;
};

}  // namespace pyexec
