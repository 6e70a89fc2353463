// Starts the zygote and talks to it: the server's side of worker/protocol/control.h.
#pragma once

#include <functional>
#include <string>

#include "sandbox/base/fd_message.h"
#include "server/asio.h"
#include "server/config.h"
#include "worker/protocol/control.h"

namespace pyexec {

struct ZygoteEvents {
  std::function<void(const Hello&)> on_hello;
  std::function<void(const WorkerSpawned&, FdMessage&)> on_worker;
  std::function<void(const SpawnFailed&)> on_spawn_failed;
  std::function<void(const WorkerExited&)> on_exited;
  std::function<void()> on_lost;  // the zygote is gone, and every jail with it
};

// One zygote process. Closing (or destroying) it ends the process and all of its jails.
class ZygoteClient : public std::enable_shared_from_this<ZygoteClient> {
 public:
  // Throws std::system_error if the program cannot be started.
  static std::shared_ptr<ZygoteClient> start(net::any_io_executor executor, const Config& config,
                                             ZygoteEvents events);

  // The answer is on_worker or on_spawn_failed. Keep the number of open requests small: both sides
  // queue them in socket buffers.
  void spawn(std::uint32_t worker_id);
  void close();

 private:
  ZygoteClient(net::any_io_executor executor, int control_fd, ZygoteEvents events);
  void listen();
  void read_messages();
  bool dispatch(FdMessage& message);
  void lose();

  net::posix::stream_descriptor control_;
  ZygoteEvents events_;
  FdMessage message_;
  bool open_ = true;
};

// What the server asks of every worker, from its knobs.
Configure configuration(const Config& config);
inline constexpr std::uint64_t kErrorBytes = 64 << 10;  // of a job's error text

}  // namespace pyexec
