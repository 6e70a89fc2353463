// The share of the processor that a jail with several processes gets: the full one while something
// runs in it by order of the server, and for a moment after. What is left in it meanwhile, or waits
// for its caller, takes little from jobs that run. On the server's thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "server/base/asio.h"
#include "server/job/pending_calls.h"
#include "server/workers/worker_handle.h"

namespace pyexec {

class JailShare {
 public:
  explicit JailShare(const std::shared_ptr<WorkerHandle>& first)
      : first_(first), rest_(first->job_socket().get_executor()) {}

  // The jail is about to end, which should be soon.
  void end() {
    if (const auto first = first_.lock()) first->set_share(sandbox::Share::full);
    first_.reset();
  }

  // One cell's, or that of one order to the jail's processes: they need the full share even to end.
  // calls: the cell's; it runs while it waits for none. Must not outlive the JailShare.
  class Use {
   public:
    explicit Use(JailShare& share, std::shared_ptr<PendingCalls> calls = nullptr)
        : share_(share), calls_(std::move(calls)) {
      set_running(true);
      if (calls_) calls_->on_share = [this](bool waits) { set_running(!waits); };
    }
    ~Use() {
      leave_calls();
      if (is_running_) share_.end_run(Clock::now() - since_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    // The cell is to end, whatever it waits for.
    void leave_calls() {
      if (calls_) calls_->on_share = nullptr;
      calls_.reset();
      set_running(true);
    }

   private:
    void set_running(bool is_running) {
      if (std::exchange(is_running_, is_running) == is_running) return;
      if (is_running) since_ = Clock::now();
      share_.running_ += is_running ? 1 : -1;
      share_.settle();
    }

    JailShare& share_;
    std::shared_ptr<PendingCalls> calls_;
    Deadline since_ = {};
    bool is_running_ = false;
  };

 private:
  static constexpr std::chrono::seconds kLongestMoment{1};

  void settle() {
    rest_.cancel();
    const auto first = first_.lock();
    if (first) first->set_share(running_ > 0 ? sandbox::Share::full : sandbox::Share::least);
  }
  // Runs that follow each other closely change nothing. But the moment after one is no longer than
  // it was: short cells keep no full share for what the jail does between them.
  void end_run(Clock::duration ran) {
    if (--running_ > 0) return;
    rest_.expires_after(std::min<Clock::duration>(ran, kLongestMoment));
    rest_.async_wait([this, life = std::weak_ptr(life_)](error_code error) {
      if (!error && !life.expired()) settle();
    });
  }

  std::weak_ptr<WorkerHandle> first_;
  net::steady_timer rest_;
  const std::shared_ptr<bool> life_ = std::make_shared<bool>();  // a timer's wait may outlive this
  int running_ = 0;
};

}  // namespace pyexec
