// Parked workers, ready to be given a job, and the zygote that makes them.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "server/base/cancellation.h"
#include "server/telemetry/metrics.h"
#include "server/workers/preload_forecast.h"
#include "server/workers/wait_queue.h"
#include "server/workers/worker_handle.h"
#include "server/workers/worker_ids.h"
#include "server/workers/zygotes.h"

namespace pyexec {

struct PoolLimits {
  std::uint64_t workers;       // parked
  std::uint64_t running_jobs;  // at the same time
  ZygoteLife zygotes;
};

// Keeps `workers` of the current zygote parked or on their way, lets at most `running_jobs` be out,
// and starts a new zygote when one is lost. When a zygote has been replaced, each worker of the one
// before stays until there is a new one in its place. All on the server's thread.
class Pool {
 public:
  Pool(net::any_io_executor executor, const PoolLimits& limits, Launcher& launcher,
       const Telemetry& telemetry);

  // Until the pool is full for the first time. The text says what is wrong if that cannot be.
  // job_uids: of Probed.
  awaitable<std::optional<std::string>> start(std::uint32_t job_uids);

  // A worker that is out. Ends its jail if nobody has, and makes room for the next job.
  class Lease {
   public:
    Lease(Pool& pool, std::shared_ptr<WorkerHandle> worker)
        : pool_(&pool), worker_(std::move(worker)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (worker_) pool_->give_back();
    }
    WorkerHandle& worker() { return *worker_; }

   private:
    Pool* pool_;
    std::shared_ptr<WorkerHandle> worker_;
  };

  // Waits its turn, first come first served within a rank, until `deadline` or until cancelled. Of
  // the workers that are there takes one of this preload, if any is.
  awaitable<std::optional<Lease>> take(WorkerRequest request, Deadline deadline,
                                       Cancellation& cancellation);

  // Until every worker that was taken has been replaced: making one takes more of the machine than
  // a short job does. By `deadline` at the latest.
  awaitable<void> wait_full(Deadline deadline);

  // Ends the zygote and all jails. No worker is made any more.
  void close();

  PoolState state() const {
    return {limits_.workers, parked_.size(),    starting_.size(), running_,
            waiting_.size(), zygotes_.starts(), worker_failures_};
  }
  // Whether no worker is parked, and none has become ready while two zygotes had their time to get
  // warm.
  bool is_stuck() const {
    return started_ && parked_.empty() && Clock::now() - last_ready_ > 2 * limits_.zygotes.start;
  }
  const PoolLimits& limits() const { return limits_; }
  const std::optional<Hello>& zygote() const {
    return zygotes_.hello();
  }  // nothing while there is none

 private:
  void start_zygote();
  void fill();
  void fill_later();
  void refill_soon();
  bool is_at_leisure() const;
  std::uint64_t fresh() const;
  void park(std::shared_ptr<WorkerHandle> worker);
  void discard(std::shared_ptr<WorkerHandle> worker) {
    net::co_spawn(executor_, reap_in_background(std::move(worker), log_), net::detached);
  }
  std::uint64_t fresh_with(Preload preload) const;
  std::shared_ptr<WorkerHandle> take_parked(Preload preload);
  void hand_out();
  void give_back();
  void accept_worker(const WorkerSpawned& spawned, FdMessage& message);
  awaitable<void> await_ready(std::shared_ptr<WorkerHandle> worker);
  bool is_full() const { return parked_.size() >= limits_.workers; }
  void worker_failed(const std::string& why);
  void worker_exited(const WorkerExited& exited);
  void zygote_lost(const std::set<std::uint32_t>& workers, Zygotes::Events::Was was);

  // Requests that the zygote has not answered. Enough to keep two cores at it; more push each
  // other's pages out of the caches: 16 took up to a tenth from the throughput.
  static constexpr std::uint64_t kMaxStarting = 4;
  static constexpr std::chrono::milliseconds kRefillDelay{5};
  static constexpr std::chrono::milliseconds kFirstPause{50}, kLongestPause{5000};

  net::any_io_executor executor_;
  const PoolLimits limits_;
  Log& log_;
  Metrics& metrics_;
  Zygotes zygotes_;
  std::map<std::uint32_t, std::weak_ptr<WorkerHandle>> workers_;  // alive, by id
  std::deque<std::shared_ptr<WorkerHandle>> parked_;
  WaitQueue waiting_;
  Deadline last_ready_;  // of a worker
  WorkerIds ids_;        // those of the current zygote are fresh
  struct Starting {
    Preload preload;
    std::uint64_t asked_ns;
  };
  std::map<std::uint32_t, Starting> starting_;  // not ready yet, by id
  PreloadForecast forecast_;
  std::uint64_t running_ = 0, worker_failures_ = 0;
  std::chrono::milliseconds pause_ = kFirstPause;
  net::steady_timer retry_;
  net::steady_timer refill_;
  bool retry_pending_ = false, refill_pending_ = false, wants_id_ = false;
  bool started_ = false, closed_ = false;
  std::optional<std::string> start_problem_;
  Event start_decided_;
  std::list<std::shared_ptr<Event>> awaiting_full_;
};

}  // namespace pyexec
