// The share of the processor that a jail with several processes gets: the full one while a cell
// runs in it, and for a moment after. What is left in it meanwhile, or waits for its caller, takes
// little from jobs that run. On the server's thread.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "server/base/asio.h"
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

  // One cell's. It runs at first, and until this is destroyed.
  class Use {
   public:
    explicit Use(JailShare& share) : share_(share) { set_running(true); }
    ~Use() {
      if (is_running_ && --share_.running_ == 0) share_.lower_soon();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    // Whether the cell runs, or waits for its caller.
    void set_running(bool is_running) {
      if (std::exchange(is_running_, is_running) == is_running) return;
      share_.running_ += is_running ? 1 : -1;
      share_.settle();
    }

   private:
    JailShare& share_;
    bool is_running_ = false;
  };

 private:
  // Cells that follow each other closely change nothing.
  static constexpr std::chrono::seconds kMoment{1};

  void settle() {
    rest_.cancel();
    const auto first = first_.lock();
    if (first) first->set_share(running_ > 0 ? sandbox::Share::full : sandbox::Share::least);
  }
  void lower_soon() {
    rest_.expires_after(kMoment);
    rest_.async_wait([this, life = std::weak_ptr(life_)](error_code error) {
      if (!error && !life.expired()) settle();
    });
  }

  std::weak_ptr<WorkerHandle> first_;
  net::steady_timer rest_;
  const std::shared_ptr<bool> life_ =
      std::make_shared<bool>();  // a wait that has ended may outlive this
  int running_ = 0;
};

}  // namespace pyexec
