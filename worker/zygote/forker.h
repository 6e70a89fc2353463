// Forks workers, and reaps them when they end. Used in the zygote, or in a slot process (slots.h).
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

  // Forks a worker and announces it to the server.
  sandbox::SetupError fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness);

  // Readable when `reap` has something to do. `reap` tells the server; returns false if the server
  // is gone.
  int children() const { return children_.get(); }
  bool reap();
  std::size_t alive() const { return workers_.size(); }
  const sandbox::Plan& plan() const { return plan_; }
  std::uint32_t last() const { return last_; }  // the last worker

  // Makes this process a slot process. The slot's group tells why a worker was killed.
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
  std::uint32_t last_ = kNoWorker;
  const sandbox::Slot* slot_ = nullptr;
  std::uint64_t memory_kills_ = 0;  // in the slot, before the current worker
};

}  // namespace pyexec
