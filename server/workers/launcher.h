// Starts pyexec-worker, which becomes the launcher (worker/launcher/launcher.h), and talks to it.
// All that the service does with rights is done there.
#pragma once

#include <optional>
#include <string>

#include "sandbox/base/unique_fd.h"
#include "server/base/asio.h"
#include "server/telemetry/log.h"
#include "worker/protocol/control.h"

namespace pyexec {

class Launcher {
 public:
  // program: the path of pyexec-worker. Throws std::system_error if it cannot be started. To be
  // called before this process gives its own rights up.
  Launcher(net::any_io_executor executor, const std::string& program, const Configure& configure,
           Log& log);

  // Once: how jails are made here. Nothing if the launcher ended without a word.
  awaitable<std::optional<Probed>> probe();

  // A zygote that listens on the other end of `control`. The caller keeps `control` open until this
  // returns. If none can be started, its other end closes. Returns its number.
  std::uint32_t start_zygote(int control);
  // Kills it, if it is still there.
  void end_zygote(std::uint32_t number);
  // The launcher and all it has started end.
  void close();

  pid_t pid() const { return pid_; }

 private:
  Log& log_;
  pid_t pid_ = -1;  // set by the initialiser of control_
  net::posix::stream_descriptor control_;
  std::uint32_t zygotes_ = 0;  // started so far
};

}  // namespace pyexec
