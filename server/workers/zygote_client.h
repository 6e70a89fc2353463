// Starts a zygote through the launcher and talks to it: the server's side of
// worker/protocol/control.h.
#pragma once

#include <functional>
#include <string>

#include "sandbox/base/fd_message.h"
#include "server/base/asio.h"
#include "server/workers/launcher_client.h"
#include "worker/protocol/control.h"

namespace pyexec {

struct ZygoteEvents {
  std::function<void(const Hello&)> on_hello;
  std::function<void(const WorkerSpawned&, FdMessage&)> on_worker;
  std::function<void(const SpawnFailed&)> on_spawn_failed;
  std::function<void(const WorkerExited&)> on_exited;
  std::function<void(const JailLost&)> on_jail_lost;
  std::function<void(const GroupState&)> on_group_state;
  std::function<void()> on_unknown;  // it sent a message of unknown type
  std::function<void()> on_lost;     // the zygote is gone, and every jail with it
};

// One zygote process. Closing (or destroying) it ends the process and all of its jails.
class ZygoteClient : public std::enable_shared_from_this<ZygoteClient> {
 public:
  // Throws std::system_error if this process is out of descriptors.
  static std::shared_ptr<ZygoteClient> start(net::any_io_executor executor,
                                             LauncherClient& launcher, sandbox::Tenant tenant,
                                             ZygoteEvents events);

  // Answered by on_worker or on_spawn_failed. Keep the number of open requests small: both sides
  // queue them in socket buffers.
  void spawn(std::uint32_t worker_id, const Readiness& readiness);
  // Answered by on_group_state.
  void look_at_group(std::uint32_t worker_id);
  void close();
  // Stops waiting for the zygote and calls on_lost.
  void give_up() { lose(); }
  // The launcher's number for this zygote.
  std::uint32_t number() const { return number_; }

 private:
  ZygoteClient(net::any_io_executor executor, int control_fd, ZygoteEvents events);
  void listen();
  void read_messages();
  bool dispatch(FdMessage& message);
  void lose();

  net::posix::stream_descriptor control_;
  ZygoteEvents events_;
  FdMessage message_;
  std::uint32_t number_ = 0;
  bool open_ = true;
};

}  // namespace pyexec
