// Forks workers, and collects them when they end. Of the zygote, or of a slot process (slots.h).
#pragma once

#include <linux/filter.h>

#include <array>
#include <map>
#include <span>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/layers/slot.h"
#include "sandbox/makers/spawner.h"
#include "worker/job/interpreter.h"
#include "worker/job/working_set.h"
#include "worker/protocol/control.h"

namespace pyexec {

template <typename Message>
bool tell_server(const Message& message, std::span<const int> fds = {}) {
  return send_message(kControlFd, encode_control(message), fds);
}

class Forker {
 public:
  Forker(const Interpreter& interpreter, const Configure& configure, const sandbox::Plan& plan,
         sandbox::Spawner& spawner);

  // Tells the server of the worker.
  sandbox::SetupError fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness);

  // Readable when `reap` has something to do, which tells the server; false if it is gone.
  int children() const { return children_.get(); }
  bool reap();
  std::size_t alive() const { return workers_.size(); }

  // From here on this process is a slot's, whose group tells why a worker was killed.
  void move_to(const sandbox::Slot& slot);

 private:
  const Interpreter& interpreter_;
  const sandbox::Plan& plan_;
  sandbox::Limits limits_;
  std::uint64_t memory_bytes_;
  ReportCaps caps_;
  std::vector<sock_filter> filter_;
  sandbox::Spawner& spawner_;
  UniqueFd children_;
  std::array<WorkingSet, kWarmths> working_sets_;
  std::map<pid_t, std::uint32_t> workers_;
  const sandbox::Slot* slot_ = nullptr;
  std::uint64_t memory_kills_ = 0;  // in the slot, before the worker that runs now
};

}  // namespace pyexec
