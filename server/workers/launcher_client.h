// Starts pyexec-worker, which becomes the launcher (worker/launcher/launcher.h), and talks to it.
// Every privileged operation of the service happens there.
#pragma once

#include <optional>
#include <string>

#include "sandbox/base/unique_fd.h"
#include "server/base/asio.h"
#include "server/telemetry/log.h"
#include "worker/protocol/control.h"

namespace pyexec {

class LauncherClient {
 public:
  // program: the path of pyexec-worker. Throws std::system_error if it cannot be started. Must be
  // called before this process gives up its own rights.
  LauncherClient(net::any_io_executor executor, const std::string& program,
                 const Configure& configure, Log& log);

  // Returns how jails are made here. Returns nullopt if the launcher ended without an answer. Call
  // once.
  awaitable<std::optional<Probed>> probe();

  // Starts a zygote that listens on the other end of `control`, and returns its number. The caller
  // keeps `control` open until this returns. If no zygote can be started, the other end closes.
  std::uint32_t start_zygote(int control, sandbox::Tenant tenant);
  // Kills the zygote if it is still alive.
  void end_zygote(std::uint32_t number);
  // Ends the launcher and everything it has started.
  void close();

  pid_t pid() const { return pid_; }

 private:
  Log& log_;
  pid_t pid_ = -1;  // set by the initialiser of control_
  net::posix::stream_descriptor control_;
  std::uint32_t zygotes_ = 0;  // started so far
};

}  // namespace pyexec
