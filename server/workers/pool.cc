#include "server/workers/pool.h"

#include <sys/wait.h>

#include <algorithm>
#include <system_error>

namespace pyexec {

Pool::Pool(net::any_io_executor executor, const PoolLimits& limits, LauncherClient& launcher,
           const Telemetry& telemetry)
    : executor_(executor),
      limits_(limits),
      log_(telemetry.log),
      metrics_(telemetry.metrics),
      zygotes_({executor, launcher, telemetry}, limits.zygotes, limits.workers,
               {.on_ready =
                    [this] {
                      ids_.make_stale();
                      std::erase_if(workers_, [](const auto& w) { return w.second.expired(); });
                      fill();
                    },
                .on_worker = [this](const WorkerSpawned& spawned,
                                    FdMessage& message) { accept_worker(spawned, message); },
                .on_spawn_failed =
                    [this](const SpawnFailed& failed) {
                      starting_.erase(failed.worker_id);
                      ids_.release(failed.worker_id);
                      worker_failed("cannot build a jail: " + sandbox::describe(failed.error),
                                    failed.error.error);
                    },
                .on_exited = [this](const WorkerExited& exited) { worker_exited(exited); },
                .on_lost = [this](const std::set<std::uint32_t>& workers,
                                  Zygotes::Events::Was was) { zygote_lost(workers, was); }}),
      retry_(executor),
      refill_(executor),
      start_decided_(executor),
      full_(executor),
      idle_(executor) {}

awaitable<std::optional<std::string>> Pool::start(std::uint32_t job_uids) {
  ids_.limit(job_uids);
  start_zygote();
  co_await start_decided_.wait();
  co_return start_problem_;
}

void Pool::start_zygote() {
  try {
    zygotes_.start();
  } catch (const std::system_error& error) {
    worker_failed(error.what());
  }
}

std::uint64_t Pool::fresh() const {
  std::uint64_t count = 0;
  for (const auto& worker : parked_) count += ids_.is_fresh(worker->id()) ? 1 : 0;
  for (const auto& [id, wanted] : starting_) count += ids_.is_fresh(id) ? 1 : 0;
  return count;
}

void Pool::fill() {
  if (closed_ || !zygotes_.hello()) return;
  zygotes_.consider_replacing();
  while (zygotes_.hello() && starting_.size() < kMaxStarting && fresh() < limits_.workers) {
    const auto id = ids_.take();
    wants_id_ = !id;
    if (!id) return;
    const double missing =
        -forecast_.surplus(Preload::pandas, fresh_with(Preload::pandas), limits_.workers);
    const Preload preload = missing > 0.5 ? Preload::pandas : Preload::basic;
    starting_[*id] = {preload, sandbox::monotonic_ns()};
    zygotes_.spawn(*id, {preload, is_at_leisure() ? preload : Preload::basic});
  }
}

// Discards a worker of the previous zygote if one more than the limit is now parked.
void Pool::park(std::shared_ptr<WorkerHandle> worker) {
  parked_.push_back(std::move(worker));
  if (parked_.size() <= limits_.workers) return;
  const auto stale = std::find_if(parked_.begin(), parked_.end(),
                                  [&](const auto& other) { return !ids_.is_fresh(other->id()); });
  if (stale == parked_.end()) return;
  discard(std::move(*stale));
  parked_.erase(stale);
}

// Whether there is time to spare. Running pandas in a worker made for it saves its job much time,
// but costs the machine more than it saves.
bool Pool::is_at_leisure() const {
  return 8 * running_ < limits_.running_jobs && 2 * parked_.size() >= limits_.workers;
}

std::uint64_t Pool::fresh_with(Preload preload) const {
  std::uint64_t count = 0;
  for (const auto& worker : parked_)
    count += worker->preload() == preload && ids_.is_fresh(worker->id()) ? 1 : 0;
  for (const auto& [id, wanted] : starting_)
    count += wanted.preload == preload && ids_.is_fresh(id) ? 1 : 0;
  return count;
}

// Refills after a failure. The pause grows while failures go on, to spare a host in trouble.
void Pool::fill_later() {
  if (closed_ || retry_pending_) return;
  retry_pending_ = true;
  retry_.expires_after(pause_);
  pause_ = std::min(2 * pause_, kLongestPause);
  retry_.async_wait([this](error_code error) {
    retry_pending_ = false;
    if (error || closed_) return;
    if (zygotes_.has_current())
      fill();
    else
      start_zygote();
  });
}

void Pool::accept_worker(const WorkerSpawned& spawned, FdMessage& message) {
  const auto wanted = starting_.find(spawned.worker_id);
  const Preload preload = wanted == starting_.end() ? Preload::basic : wanted->second.preload;
  auto worker = std::make_shared<WorkerHandle>(
      executor_, WorkerHandle::Identity{spawned.worker_id, preload, spawned.share_file}, message);
  worker->on_empty = [this, id = spawned.worker_id] {
    ids_.release(id);
    if (wants_id_ && !closed_) net::post(executor_, [this] { fill(); });
  };
  worker->on_end = [this, id = spawned.worker_id] {
    if (!closed_) zygotes_.release(id);
  };
  workers_[spawned.worker_id] = worker;
  if (!ids_.share(spawned.made_for, spawned.worker_id)) {
    starting_.erase(spawned.worker_id);
    discard(std::move(worker));
    return worker_failed("a jail was kept for longer than its uid");
  }
  metrics_.count_jail(spawned.made_for == spawned.worker_id ? Metrics::Jail::made
                                                            : Metrics::Jail::kept);
  metrics_.observe(spawned.jail_times);
  metrics_.observe(RefillPhase::fork, spawned.fork_ns);
  net::co_spawn(executor_, await_ready(std::move(worker)), net::detached);
}

awaitable<void> Pool::await_ready(std::shared_ptr<WorkerHandle> worker) {
  const auto first_words = co_await worker->await_ready();
  const auto wanted = starting_.extract(worker->id());
  if (wanted.empty() || closed_) co_return;  // its zygote is gone
  const auto& times = first_words.times;
  if (!times) {
    discard(std::move(worker));
    co_return worker_failed(first_words.problem);
  }
  metrics_.observe(*times);
  metrics_.observe(RefillPhase::total, sandbox::monotonic_ns() - wanted.mapped().asked_ns);
  worker->set_ready(times->usage);
  pause_ = kFirstPause;
  last_ready_ = Clock::now();
  park(std::move(worker));
  if (!started_ && is_full()) {
    started_ = true;
    start_decided_.set();
  }
  hand_out();
  fill();
  if (is_full()) full_.set();
}

awaitable<void> Pool::wait_full(Deadline deadline) {
  if (!is_full()) co_await full_.wait_until(deadline);
}

awaitable<void> Pool::wait_idle(Deadline deadline) {
  if (running_ > 0) co_await idle_.wait_until(deadline);
}

void Pool::worker_failed(const std::string& why, std::int32_t error) {
  ++worker_failures_;
  // The jobs of a service that was just killed may still have uids. The next worker gets another.
  const bool is_taken = error == EUSERS && ++taken_uids_ <= kMostTakenUids;
  if (!started_ && !is_taken) {
    if (!start_problem_) start_problem_ = why;
    start_decided_.set();
    return;
  }
  log_.warn(why);
  fill_later();
}

void Pool::worker_exited(const WorkerExited& exited) {
  const auto entry = workers_.find(exited.worker_id);
  if (entry == workers_.end()) return;
  const auto worker = entry->second.lock();
  workers_.erase(entry);
  if (!worker) return;
  worker->set_exited(exited);
  // A parked worker: nobody asked it to end.
  if (std::erase(parked_, worker) > 0) {
    discard(worker);
    log_.warn("a parked worker ended");
    fill();
  }
}

void Pool::zygote_lost(const std::set<std::uint32_t>& workers, Zygotes::Events::Was was) {
  std::erase_if(parked_, [&](const auto& worker) { return workers.contains(worker->id()); });
  for (const std::uint32_t id : workers) {
    starting_.erase(id);
    ids_.release(id);
    const auto entry = workers_.extract(id);
    const auto worker = entry.empty() ? nullptr : entry.mapped().lock();
    if (worker) worker->set_lost();
  }
  if (was == Zygotes::Events::Was::other) return fill();  // some may have been starting
  if (closed_) return;
  if (!started_) return worker_failed("the zygote ended before the pool was full");
  log_.warn("the zygote ended; starting another");
  // The first restart is immediate: every request waits for it.
  if (pause_ == kFirstPause) {
    pause_ *= 2;
    start_zygote();
  } else {
    fill_later();
  }
}

// Making a worker costs as much as a short job and slows that job down by half: the fork and the
// job's first writes contend for the same kernel locks. While plenty are parked, refilling waits
// until the job is over, but no longer than kRefillDelay.
void Pool::refill_soon() {
  if (2 * parked_.size() < limits_.workers) return fill();
  if (refill_pending_) return;
  refill_pending_ = true;
  refill_.expires_after(kRefillDelay);
  refill_.async_wait([this](error_code) {
    refill_pending_ = false;
    fill();
  });
}

void Pool::give_back() {
  if (--running_ == 0) idle_.set();
  hand_out();
  refill_.cancel();
}

void Pool::close() {
  closed_ = true;
  retry_.cancel();
  refill_.cancel();
  parked_.clear();
  zygotes_.close();
}

}  // namespace pyexec
