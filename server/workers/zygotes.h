// The zygotes of the service: the one that makes workers, its successor while it starts, and
// retiring ones whose last jails still exist. All on the server's thread.
//
//   start ──▶ current ──(made many, or old)──▶ retiring ──(its last jail is empty)──▶ closed
//                 ▲
//   successor ────┘ once it is warm; until then the current one keeps working
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "server/telemetry/log.h"
#include "server/telemetry/metrics.h"
#include "server/workers/zygote_client.h"

namespace pyexec {

// How long a zygote makes workers. 0 is no limit.
struct ZygoteLife {
  std::uint64_t workers;  // made for jobs; those of the full pool come first
  std::chrono::minutes age;
  std::chrono::milliseconds start;  // time to get warm; after that another one is started
};

class Zygotes {
 public:
  // Events of any zygote. on_ready is only for the current one: a new zygote is warm.
  struct Events {
    std::function<void()> on_ready;
    std::function<void(const WorkerSpawned&, FdMessage&)> on_worker;
    std::function<void(const SpawnFailed&)> on_spawn_failed;
    std::function<void(const WorkerExited&)> on_exited;
    std::function<void(const GroupState&)> on_group_state = [](const GroupState&) {};
    // A zygote is gone, with these workers, whether starting or alive.
    enum class Was { current, other };
    std::function<void(const std::set<std::uint32_t>& workers, Was was)> on_lost;
  };
  struct Host {
    net::any_io_executor executor;
    LauncherClient& launcher;
    Telemetry telemetry;
    sandbox::Tenant tenant = sandbox::Tenant::job;
  };
  Zygotes(Host host, const ZygoteLife& life, std::uint64_t pool_workers, Events events);

  // Starts a current zygote if there is none. Throws std::system_error as ZygoteClient::start does.
  void start();
  // Starts the next one if the current one is due.
  void consider_replacing();
  // The current zygote makes the worker. It must be warm.
  void spawn(std::uint32_t worker_id, const Readiness& readiness);
  // The zygote of that worker, which is not released yet, is asked for its control group.
  void look_at_group(std::uint32_t worker_id);
  // To be called once the jail of an announced worker is empty. Until then its zygote is not
  // closed, because the jail's init or supervisor ends with the zygote.
  void release(std::uint32_t worker_id);
  void close();

  bool has_current() const { return current_ != nullptr; }
  // Returns nullopt while no current zygote is warm.
  const std::optional<Hello>& hello() const;
  std::uint64_t starts() const { return starts_; }

 private:
  struct Zygote {
    explicit Zygote(const net::any_io_executor& executor) : patience(executor) {}

    std::shared_ptr<ZygoteClient> client;
    net::steady_timer patience;  // until it has to be warm
    std::optional<Hello> hello;
    std::set<std::uint32_t> workers;  // requested and not yet released
    std::uint64_t made = 0;
    Deadline since;
    Metrics::Replaced why;  // reason it was started
  };
  using Handle = std::shared_ptr<Zygote>;

  Handle begin(Metrics::Replaced why);
  std::optional<Metrics::Replaced> due() const;
  void limit_warming(const Handle& zygote);
  void is_warm(const Handle& zygote, const Hello& hello);
  void is_gone(const Handle& zygote, std::uint32_t worker_id);
  void is_lost(const Handle& zygote);
  void close_if_empty(const Handle& zygote);

  Host host_;
  const ZygoteLife life_;
  const std::uint64_t pool_workers_;
  Events events_;
  Handle current_, successor_;
  std::set<Handle> retiring_;
  std::uint64_t starts_ = 0;
  Deadline next_try_ = Deadline::min();  // to start a successor, after one failed
};

}  // namespace pyexec
