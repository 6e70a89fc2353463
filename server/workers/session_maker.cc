#include "server/workers/session_maker.h"

#include <system_error>

namespace pyexec {
namespace {

// For an answer of the zygote, which may be making a jail.
constexpr std::chrono::seconds kLookTime{2};

}  // namespace

SessionMaker::SessionMaker(Zygotes::Host host, const ZygoteLife& life, WorkerIds& ids)
    : host_(host),
      ids_(ids),
      zygotes_(std::move(host), life, 0,
               {.on_ready = [this] { spawn_waiting(); },
                .on_worker = [this](const WorkerSpawned& spawned,
                                    FdMessage& message) { accept(spawned, message); },
                .on_spawn_failed =
                    [this](const SpawnFailed& failed) {
                      ids_.release(failed.worker_id);
                      decide(failed.worker_id,
                             {nullptr, "cannot build a jail: " + sandbox::describe(failed.error)});
                    },
                .on_exited =
                    [this](const WorkerExited& exited) {
                      const auto entry = workers_.extract(exited.worker_id);
                      const auto worker = entry.empty() ? nullptr : entry.mapped().lock();
                      if (worker) worker->set_exited(exited);
                    },
                .on_group_state =
                    [this](const GroupState& state) {
                      const auto look = looks_.extract(state.worker_id);
                      if (look.empty()) return;
                      if (state.memory_bytes > 0) look.mapped()->state = state;
                      look.mapped()->answered.set();
                    },
                .on_lost = [this](const std::set<std::uint32_t>& workers,
                                  Zygotes::Events::Was) { zygote_lost(workers); }}) {}

awaitable<SessionMaker::Made> SessionMaker::make(Deadline deadline, Cancellation& cancellation) {
  const auto id = closed_ ? std::nullopt : ids_.take();
  if (!id) co_return Made{nullptr, "no uid is free"};
  const auto request = std::make_shared<Request>(host_.executor);
  waiting_[*id] = request;
  try {
    zygotes_.start();
  } catch (const std::system_error& error) {
    decide(*id, {nullptr, error.what()});
  }
  zygotes_.consider_replacing();
  spawn_waiting();
  const auto listening = cancellation.listen([request] { request->decided.set(); });
  co_await request->decided.wait_until(deadline);
  request->is_dropped = true;
  if (waiting_.erase(*id) > 0) ids_.release(*id);
  if (!request->made.first && request->made.problem.empty())
    request->made.problem = "no process became ready in time";
  co_return std::move(request->made);
}

void SessionMaker::spawn_waiting() {
  if (closed_ || !zygotes_.hello()) return;
  for (auto& [id, request] : std::exchange(waiting_, {})) {
    starting_[id] = std::move(request);
    zygotes_.spawn(id, {Preload::basic, Preload::basic});
  }
}

void SessionMaker::decide(std::uint32_t worker_id, Made made) {
  auto entry = starting_.extract(worker_id);
  if (entry.empty()) entry = waiting_.extract(worker_id);
  if (entry.empty() || entry.mapped()->is_dropped) {
    if (made.first)
      net::co_spawn(host_.executor, reap_in_background(std::move(made.first), host_.telemetry.log),
                    net::detached);
    return;
  }
  entry.mapped()->made = std::move(made);
  entry.mapped()->decided.set();
}

void SessionMaker::accept(const WorkerSpawned& spawned, FdMessage& message) {
  const WorkerHandle::Identity identity = {spawned.worker_id, Preload::basic, spawned.share_file};
  auto worker = std::make_shared<WorkerHandle>(host_.executor, identity, message);
  worker->on_empty = [this, id = spawned.worker_id] { ids_.release(id); };
  worker->on_end = [this, id = spawned.worker_id] {
    if (!closed_) zygotes_.release(id);
  };
  workers_[spawned.worker_id] = worker;
  host_.telemetry.metrics.count_jail(Metrics::Jail::made);
  net::co_spawn(host_.executor, await_ready(std::move(worker)), net::detached);
}

awaitable<void> SessionMaker::await_ready(std::shared_ptr<WorkerHandle> worker) {
  const auto first_words = co_await worker->await_ready();
  const std::uint32_t id = worker->id();
  if (closed_) co_return;
  if (first_words.times) {
    worker->set_ready(first_words.times->usage);
    co_return decide(id, {std::move(worker), ""});
  }
  net::co_spawn(host_.executor, reap_in_background(std::move(worker), host_.telemetry.log),
                net::detached);
  decide(id, {nullptr, first_words.problem});
}

void SessionMaker::zygote_lost(const std::set<std::uint32_t>& workers) {
  for (const std::uint32_t id : workers) {
    ids_.release(id);
    decide(id, {nullptr, "the zygote ended"});
    const auto entry = workers_.extract(id);
    const auto worker = entry.empty() ? nullptr : entry.mapped().lock();
    if (worker) worker->set_lost();
    const auto look = looks_.extract(id);
    if (!look.empty()) look.mapped()->answered.set();
  }
  // Those that wait for it to get warm start another.
  for (const auto& [id, request] : std::map(waiting_)) decide(id, {nullptr, "the zygote ended"});
}

awaitable<std::optional<GroupState>> SessionMaker::look_at_group(std::uint32_t worker_id) {
  if (closed_ || !workers_.contains(worker_id)) co_return std::nullopt;
  auto& entry = looks_[worker_id];
  if (!entry) {
    entry = std::make_shared<Look>(host_.executor);
    zygotes_.look_at_group(worker_id);
  }
  const auto look = entry;
  co_await look->answered.wait_until(Clock::now() + kLookTime);
  // The zygote may not have answered: the next caller asks again.
  const auto open = looks_.find(worker_id);
  if (open != looks_.end() && open->second == look) looks_.erase(open);
  co_return look->state;
}

void SessionMaker::close() {
  closed_ = true;
  zygotes_.close();
}

}  // namespace pyexec
