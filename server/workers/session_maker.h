// Makes the jails of sessions, with a zygote of their own, which starts with the first session: a
// session outlives many a zygote of the pool, and takes no worker from it. On the server's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/base/cancellation.h"
#include "server/telemetry/metrics.h"
#include "server/workers/worker_handle.h"
#include "server/workers/worker_ids.h"
#include "server/workers/zygotes.h"

namespace pyexec {

class SessionMaker {
 public:
  // ids: of all workers of the service; must outlive this.
  SessionMaker(Zygotes::Host host, const ZygoteLife& life, WorkerIds& ids);

  struct Made {
    std::shared_ptr<WorkerHandle> first;  // ready; nullptr: there is none
    std::string problem;                  // why
  };
  // Makes a jail and its first process. Returns without one at `deadline`, or once cancelled.
  awaitable<Made> make(Deadline deadline, Cancellation& cancellation);

  // Returns nullopt if the worker lives in no control group, or is gone.
  awaitable<std::optional<GroupState>> look_at_group(std::uint32_t worker_id);

  // Ends all zygotes and jails.
  void close();

 private:
  struct Request {
    explicit Request(net::any_io_executor executor) : decided(executor) {}
    Event decided;
    Made made;
    bool is_dropped = false;  // nobody waits any more
  };
  void decide(std::uint32_t worker_id, Made made);
  void spawn_waiting();
  void accept(const WorkerSpawned& spawned, FdMessage& message);
  awaitable<void> await_ready(std::shared_ptr<WorkerHandle> worker);
  void zygote_lost(const std::set<std::uint32_t>& workers);

  struct Look {
    explicit Look(net::any_io_executor executor) : answered(std::move(executor)) {}
    Broadcast answered;
    std::optional<GroupState> state;
  };

  const Zygotes::Host host_;
  WorkerIds& ids_;
  std::map<std::uint32_t, std::shared_ptr<Request>> waiting_;  // for a warm zygote
  std::map<std::uint32_t, std::shared_ptr<Request>> starting_;
  std::map<std::uint32_t, std::weak_ptr<WorkerHandle>> workers_;  // alive
  std::map<std::uint32_t, std::shared_ptr<Look>> looks_;          // not answered yet
  bool closed_ = false;
  Zygotes zygotes_;
};

}  // namespace pyexec
