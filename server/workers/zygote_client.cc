#include "server/workers/zygote_client.h"

#include <sys/socket.h>

#include <system_error>

#include "server/workers/launcher_client.h"

namespace pyexec {
std::shared_ptr<ZygoteClient> ZygoteClient::start(net::any_io_executor executor,
                                                  LauncherClient& launcher, sandbox::Tenant tenant,
                                                  ZygoteEvents events) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  UniqueFd own(pair[0]), zygotes(pair[1]);
  const std::uint32_t number = launcher.start_zygote(zygotes.get(), tenant);
  std::shared_ptr<ZygoteClient> client(
      new ZygoteClient(executor, own.release(), std::move(events)));
  client->number_ = number;
  client->listen();
  return client;
}

ZygoteClient::ZygoteClient(net::any_io_executor executor, int control_fd, ZygoteEvents events)
    : control_(executor, control_fd), events_(std::move(events)) {
  control_.native_non_blocking(true);
}

void ZygoteClient::spawn(std::uint32_t worker_id, const Readiness& readiness) {
  if (open_ &&
      !send_message(control_.native_handle(), encode_control(Spawn{worker_id, readiness}), {}))
    lose();
}

void ZygoteClient::look_at_group(std::uint32_t worker_id) {
  if (open_ && !send_message(control_.native_handle(), encode_control(LookAtGroup{worker_id}), {}))
    lose();
}

void ZygoteClient::close() {
  open_ = false;
  error_code ignored;
  control_.close(ignored);
}

void ZygoteClient::listen() {
  control_.async_wait(net::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](error_code error) {
                        if (!error && self->open_) self->read_messages();
                      });
}

void ZygoteClient::read_messages() {
  while (open_) {
    switch (receive_message(control_.native_handle(), message_)) {
      case ReceiveResult::would_block:
        return listen();
      case ReceiveResult::message:
        if (dispatch(message_)) break;
        events_.on_unknown();
        return lose();
      case ReceiveResult::closed:
      case ReceiveResult::broken:
        return lose();
    }
  }
}

bool ZygoteClient::dispatch(FdMessage& message) {
  const auto type = control_type(message.body());
  if (!type) return false;
  const auto handle = [](const auto& decoded, const auto& handler) {
    if (decoded) handler(*decoded);
    return decoded.has_value();
  };
  switch (*type) {
    case ControlType::hello: {
      const auto hello = decode_control<Hello>(message.body());
      if (hello && hello->protocol_version != kProtocolVersion) return false;
      return handle(hello, events_.on_hello);
    }
    case ControlType::worker: {
      const auto spawned = decode_control<WorkerSpawned>(message.body());
      if (!spawned || message.fd_count != worker_fds(spawned->share_file)) return false;
      events_.on_worker(*spawned, message);
      return true;
    }
    case ControlType::spawn_failed:
      return handle(decode_control<SpawnFailed>(message.body()), events_.on_spawn_failed);
    case ControlType::exited:
      return handle(decode_control<WorkerExited>(message.body()), events_.on_exited);
    case ControlType::jail_lost:
      return handle(decode_control<JailLost>(message.body()), events_.on_jail_lost);
    case ControlType::group_state:
      return handle(decode_control<GroupState>(message.body()), events_.on_group_state);
    default:
      return false;
  }
}

void ZygoteClient::lose() {
  if (!open_) return;
  const auto self = shared_from_this();  // on_lost releases this object
  close();
  events_.on_lost();
}

}  // namespace pyexec
