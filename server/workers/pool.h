// The pool of parked workers that are ready for a job, and the zygote that makes them.
#pragma once

#include <deque>
#include <functional>
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

// Keeps `workers` of the current zygote parked or starting, lets at most `running_jobs` be leased,
// and starts a new zygote when one is lost. After a zygote has been replaced, each worker of the
// previous one stays until a new one takes its place. All on the server's thread.
class Pool {
 public:
  Pool(net::any_io_executor executor, const PoolLimits& limits, LauncherClient& launcher,
       const Telemetry& telemetry);

  // Waits until the pool is full for the first time. Returns an error message on failure.
  // job_uids: Probed::job_uids.
  awaitable<std::optional<std::string>> start(std::uint32_t job_uids);

  // A leased worker. Its destructor ends the jail if it has not ended, and makes room for the next
  // job.
  class Lease {
   public:
    Lease(Pool& pool, std::shared_ptr<WorkerHandle> worker)
        : pool_(&pool), worker_(std::move(worker)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (worker_ && is_running_) pool_->give_back();
    }
    WorkerHandle& worker() { return *worker_; }

    // The job waits for its caller, and counts no more among those that run.
    void park() {
      if (std::exchange(is_running_, false)) pool_->give_back();
    }
    // Waits until it may run again, as `take` does. Returns whether it may.
    awaitable<bool> resume(Deadline deadline, Cancellation& cancellation);

   private:
    Pool* pool_;
    std::shared_ptr<WorkerHandle> worker_;
    bool is_running_ = true;
  };

  // Waits for a worker, first come first served within a rank, until `deadline` or cancelled.
  // Prefers a parked worker with the requested preload. Returns nullopt if none came in time.
  awaitable<std::optional<Lease>> take(WorkerRequest request, Deadline deadline,
                                       Cancellation& cancellation);

  // Waits until every leased worker has been replaced, or until `deadline`: making a worker costs
  // more than a short job does.
  awaitable<void> wait_full(Deadline deadline);
  // Waits until no worker is leased, or until `deadline`: a job is answered before its jail is
  // gone.
  awaitable<void> wait_idle(Deadline deadline);

  // Ends the zygote and all jails. No more workers are made.
  void close();

  PoolState state() const {
    return {limits_.workers, parked_.size(),    starting_.size(), running_,
            waiting_.size(), zygotes_.starts(), worker_failures_};
  }
  // Whether no worker is parked and none has become ready for twice the time a zygote may take to
  // get warm.
  bool is_stuck() const {
    return started_ && parked_.empty() && Clock::now() - last_ready_ > 2 * limits_.zygotes.start;
  }
  const PoolLimits& limits() const { return limits_; }
  WorkerIds& ids() { return ids_; }  // for all workers of the service
  const std::optional<Hello>& zygote() const {
    return zygotes_.hello();
  }  // nullopt while there is none

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
  // error: an errno value, if there is one that tells why.
  void worker_failed(const std::string& why, std::int32_t error = 0);
  void worker_exited(const WorkerExited& exited);
  void zygote_lost(const std::set<std::uint32_t>& workers, Zygotes::Events::Was was);

  // Limit on unanswered requests to the zygote. 4 keep two cores busy. More evict each other's
  // pages from the caches: 16 cost up to a tenth of the throughput.
  static constexpr std::uint64_t kMaxStarting = 4;
  static constexpr std::chrono::milliseconds kRefillDelay{5};
  static constexpr std::uint64_t kMostTakenUids = 32;  // until the pool is full for the first time
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
  std::uint64_t running_ = 0, worker_failures_ = 0, taken_uids_ = 0;
  std::chrono::milliseconds pause_ = kFirstPause;
  net::steady_timer retry_;
  net::steady_timer refill_;
  bool retry_pending_ = false, refill_pending_ = false, wants_id_ = false;
  bool started_ = false, closed_ = false;
  std::optional<std::string> start_problem_;
  Event start_decided_;
  Broadcast full_, idle_;
};

}  // namespace pyexec
