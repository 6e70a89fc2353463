// The jails that a zygote without slots keeps for further jobs. (A slot keeps its own, slots.h.)
#pragma once

#include <poll.h>

#include <span>
#include <vector>

#include "sandbox/layers/in_flight.h"
#include "sandbox/makers/kept_jail.h"
#include "worker/protocol/control.h"

namespace pyexec {

class KeptJails {
 public:
  KeptJails(const sandbox::Plan& plan, sandbox::ClosedFiles& closed_files)
      : plan_(plan), closed_files_(closed_files) {}

  // Takes from a jail with a worker what a later job needs, if the plan keeps jails.
  void add(sandbox::EmptyJail& jail);
  // Makes of a free jail one for the next worker. Returns false if there is none, or it is lost.
  bool renew(std::uint32_t worker_id, sandbox::EmptyJail& out);

  // add_sources adds the descriptors to poll. hear takes them after the poll, in the same order,
  // and returns false if the server is gone.
  void add_sources(std::vector<pollfd>& sources) const;
  bool hear(std::span<const pollfd> sources);
  // Ends those that nobody uses and that are too old. Returns false if the server is gone.
  bool drop_old();
  // How long until there may be such a one, in ms, for poll(2).
  int ms_left() const;

 private:
  struct Entry {
    sandbox::KeptJail jail;
    std::uint32_t worker_id;  // the last
    bool is_free = false;
    std::uint64_t clean_at = 0;  // by the count of ClosedFiles
  };

  template <typename Test>
  void drop_if(Test is_too_old);
  void tell(const Entry& entry, sandbox::Verdict why);

  const sandbox::Plan& plan_;
  sandbox::ClosedFiles& closed_files_;
  std::vector<Entry> jails_;
  bool told_ = true;  // false: the server is gone
};

}  // namespace pyexec
