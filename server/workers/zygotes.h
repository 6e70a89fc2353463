// The zygotes of the service: the one that makes workers, the next one while it starts, and those
// whose last jails are still there. All on the server's thread.
//
//   start ──▶ current ──(made many, or old)──▶ retiring ──(its last jail is empty)──▶ closed
//                 ▲
//   successor ────┘ once it is warm: until then the current one goes on
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

// How long one makes workers. 0 is no limit.
struct ZygoteLife {
  std::uint64_t workers;       // made for jobs; those of the full pool come first
  std::uint64_t pool_workers;  // of a full pool
  std::chrono::minutes age;
  std::chrono::milliseconds start;  // until it is warm: then another one is started
};

class Zygotes {
 public:
  // Of any zygote, but for on_ready, which is of the current one: a new one, warm.
  struct Events {
    std::function<void()> on_ready;
    std::function<void(const WorkerSpawned&, FdMessage&)> on_worker;
    std::function<void(const SpawnFailed&)> on_spawn_failed;
    std::function<void(const WorkerExited&)> on_exited;
    // One is gone, with these workers, on their way or alive.
    enum class Was { current, other };
    std::function<void(const std::set<std::uint32_t>& workers, Was was)> on_lost;
  };
  struct Host {
    net::any_io_executor executor;
    Launcher& launcher;
    Telemetry telemetry;
  };
  Zygotes(Host host, const ZygoteLife& life, Events events);

  // A current one, if there is none. Throws std::system_error as ZygoteClient::start does.
  void start();
  // Starts the next one if the current one is due.
  void consider_replacing();
  // By the current one, which must be warm.
  void spawn(std::uint32_t worker_id, const Readiness& readiness);
  // Of a worker that was told of: its jail is empty. Until then its zygote, with which a jail's
  // init or supervisor ends, is not closed.
  void release(std::uint32_t worker_id);
  void close();

  bool has_current() const { return current_ != nullptr; }
  // Nothing while no current one is warm.
  const std::optional<Hello>& hello() const;
  std::uint64_t starts() const { return starts_; }

 private:
  struct Zygote {
    explicit Zygote(net::any_io_executor executor) : patience(std::move(executor)) {}

    std::shared_ptr<ZygoteClient> client;
    net::steady_timer patience;  // until it has to be warm
    std::optional<Hello> hello;
    std::set<std::uint32_t> workers;  // asked for, and not released
    std::uint64_t made = 0;
    Deadline since;
    Metrics::Replaced why;  // it was started
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
  Events events_;
  Handle current_, successor_;
  std::set<Handle> retiring_;
  std::uint64_t starts_ = 0;
  Deadline next_try_ = Deadline::min();  // of a successor, after one that failed
};

}  // namespace pyexec
