#include "server/zygote_client.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include "server/log.h"

namespace pyexec {
namespace {

// The whole environment of the zygote, of every worker, and of what scripts start. Nothing is
// inherited.
constexpr std::array<const char*, 9> kEnvironment = {
    "PATH=/usr/bin:/bin",
    "HOME=/tmp",
    "LANG=C.UTF-8",
    "LC_ALL=C.UTF-8",
    "PYTHONDONTWRITEBYTECODE=1",
    // One thread: the zygote must be single-threaded to fork, and cores belong to jobs, not to one
    // job.
    "OPENBLAS_NUM_THREADS=1",
    "OMP_NUM_THREADS=1",
    "MKL_NUM_THREADS=1",
    nullptr,
};

void check_spawn(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// posix_spawn starts without copying this process. Asio's sockets are not close-on-exec, so what
// stays open is named and the rest is closed.
void spawn_zygote(const std::string& path, int control) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  check_spawn(::posix_spawn_file_actions_init(&actions), "posix_spawn");
  check_spawn(::posix_spawnattr_init(&attributes), "posix_spawn");
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, control, kControlFd);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kControlFd + 1);
  sigset_t all, none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  // A session of its own: the terminal's Ctrl-C is for the server, which ends the zygote in order.
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  char* const argv[] = {const_cast<char*>("pyexec-worker"), nullptr};
  pid_t pid;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, &attributes, argv,
                                  const_cast<char* const*>(kEnvironment.data()));
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  check_spawn(error, "cannot start " + path);
}

}  // namespace

Configure configuration(const Config& config) {
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  return {.protocol_version = kProtocolVersion,
          .memory_bytes = config.memory_mb * kMiB,
          // All cores for the whole time: a net below the wall clock, for what outlives it somehow.
          .cpu_seconds = (config.timeout_ms / 1000 + 1) * cores + 1,
          .file_bytes = config.file_mb * kMiB,
          .open_files = config.open_files,
          .processes = config.processes,
          .tmp_bytes = config.tmp_mb * kMiB,
          .tmp_inodes = config.tmp_inodes,
          .shm_bytes = config.tmp_mb * kMiB,
          .result_bytes = config.result_bytes,
          .error_bytes = kErrorBytes};
}

std::shared_ptr<ZygoteClient> ZygoteClient::start(net::any_io_executor executor,
                                                  const Config& config, ZygoteEvents events) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  UniqueFd own(pair[0]), zygotes(pair[1]);
  // dup2 onto itself would keep close-on-exec.
  if (zygotes.get() == kControlFd) zygotes.reset(::fcntl(kControlFd, F_DUPFD_CLOEXEC, 64));
  spawn_zygote(config.worker_path, zygotes.get());
  std::shared_ptr<ZygoteClient> client(
      new ZygoteClient(executor, own.release(), std::move(events)));
  if (!send_message(client->control_.native_handle(), encode_control(configuration(config)), {}))
    throw std::system_error(errno, std::generic_category(), "cannot configure the zygote");
  client->listen();
  return client;
}

ZygoteClient::ZygoteClient(net::any_io_executor executor, int control_fd, ZygoteEvents events)
    : control_(executor, control_fd), events_(std::move(events)) {
  control_.native_non_blocking(true);
}

void ZygoteClient::spawn(std::uint32_t worker_id) {
  if (open_ && !send_message(control_.native_handle(), encode_control(Spawn{worker_id}), {}))
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
        log_line("the zygote sent a message this server does not know");
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
      if (!spawned || message.fd_count != kWorkerFds) return false;
      events_.on_worker(*spawned, message);
      return true;
    }
    case ControlType::spawn_failed:
      return handle(decode_control<SpawnFailed>(message.body()), events_.on_spawn_failed);
    case ControlType::exited:
      return handle(decode_control<WorkerExited>(message.body()), events_.on_exited);
    default:
      return false;
  }
}

void ZygoteClient::lose() {
  if (!open_) return;
  const auto self = shared_from_this();  // on_lost lets go of this object
  close();
  events_.on_lost();
}

}  // namespace pyexec
