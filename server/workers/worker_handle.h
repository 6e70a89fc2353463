// The server's handle on one worker and its jail. Whatever is left of them ends with this object.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sandbox/base/fd_message.h"
#include "server/base/event.h"
#include "server/telemetry/log.h"
#include "worker/protocol/control.h"
#include "worker/protocol/frame.h"

namespace pyexec {

class WorkerHandle : public std::enable_shared_from_this<WorkerHandle> {
 public:
  struct Identity {
    std::uint32_t id;
    Preload preload;
    sandbox::ShareFile share_file;
  };

  // Takes the descriptors of a WORKER message.
  WorkerHandle(net::any_io_executor executor, Identity identity, FdMessage& message);
  ~WorkerHandle() {
    set_share(sandbox::Share::full);
    set_empty();
    if (on_end) on_end();
  }
  WorkerHandle(const WorkerHandle&) = delete;
  WorkerHandle& operator=(const WorkerHandle&) = delete;

  std::uint32_t id() const { return identity_.id; }
  Preload preload() const { return identity_.preload; }
  net::local::stream_protocol::socket& job_socket() { return job_; }
  net::posix::stream_descriptor& output() { return output_; }
  net::posix::stream_descriptor& errors() { return errors_; }
  // Of a session's jail, on which its init also tells of cells (sandbox/base/cell_line.h). Whoever
  // reads it calls neither `end_job` nor `await_empty` meanwhile.
  net::local::stream_protocol::socket& lifeline() { return lifeline_; }

  // Returns the start times, or why there is no worker. Call once, before anything else.
  struct FirstWords {
    std::optional<StartTimes> times;
    std::string problem;
  };
  awaitable<FirstWords> await_ready();

  // How much of the processor the job's processes get when others want it too; at first `full`, and
  // from `end_job` on: its end should be soon. Does nothing where no control group distributes it.
  void set_share(sandbox::Share share);

  // Ends the job. After `end_job` none of its processes is left, or only the worker, stopped and
  // killed a moment later (sandbox/base/lifeline.h). After `await_empty`, called next, none is
  // left, not even as a zombie. Each returns false if that takes longer than kKillTime, which
  // happens only if the kernel is in trouble.
  awaitable<bool> end_job();
  awaitable<bool> await_empty();
  static constexpr std::chrono::seconds kKillTime{10};

  // Whether the jail ended without a message from its init: something other than the job ended it.
  bool jail_broke() const { return jail_broke_; }

  // Called by the pool. set_exited: the worker process has ended, with a status from waitpid(2).
  // set_lost: its zygote has ended, so the status will never be known.
  void set_exited(const WorkerExited& exited);
  void set_lost();
  std::optional<int> wait_status() const { return wait_status_; }
  bool out_of_memory() const { return out_of_memory_; }  // the kernel killed it or a child of it
  // Usage at the time it became ready and, once it has ended, in total.
  void set_ready(const sandbox::Usage& usage) { when_ready_ = usage; }
  const sandbox::Usage& when_ready() const { return when_ready_; }
  const std::optional<sandbox::Usage>& used() const { return used_; }
  Event& gone() { return gone_; }
  // Called once, at set_exited or set_lost.
  std::function<void()> on_gone;
  // Called once no process of the jail is left, at the latest by the destructor: the holders keep
  // this object until then.
  std::function<void()> on_empty;
  // Called by the destructor.
  std::function<void()> on_end;

 private:
  void announce();
  void set_empty() {
    if (auto call = std::exchange(on_empty, nullptr)) call();
  }
  awaitable<bool> hear();

  bool empty_ = false, jail_broke_ = false;

  Identity identity_;
  net::local::stream_protocol::socket job_;
  net::posix::stream_descriptor output_;
  net::posix::stream_descriptor errors_;
  net::local::stream_protocol::socket lifeline_;
  UniqueFd init_pidfd_, share_file_;
  sandbox::Share share_ = sandbox::Share::full;
  std::optional<net::posix::stream_descriptor> init_;  // the same, once it is waited for
  std::optional<int> wait_status_;
  sandbox::Usage when_ready_ = {};
  std::optional<sandbox::Usage> used_;
  bool out_of_memory_ = false;
  Event gone_;
};

// Ends the job, if there is one, and keeps `worker` until its jail is empty.
awaitable<void> reap_in_background(std::shared_ptr<WorkerHandle> worker, Log& log);

}  // namespace pyexec
