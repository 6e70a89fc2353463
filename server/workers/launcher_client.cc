#include "server/workers/launcher_client.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <system_error>

#include "sandbox/base/fd_message.h"

namespace pyexec {
namespace {

// The whole environment of the launcher, the zygote, every worker and everything that scripts
// start. Nothing is inherited.
constexpr std::array<const char*, 12> kEnvironment = {
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "HOME=/tmp",
    "USER=pyexec",  // jobs cannot read the host's accounts, and libraries ask for a name
    "LOGNAME=pyexec",
    "TZ=UTC",  // otherwise the zygote would read the host's
    "LANG=C.UTF-8",
    "LC_ALL=C.UTF-8",
    "PYTHONDONTWRITEBYTECODE=1",
    // One thread: the zygote must be single-threaded to fork, and the cores are shared by all
    // jobs.
    "OPENBLAS_NUM_THREADS=1",
    "OMP_NUM_THREADS=1",
    "MKL_NUM_THREADS=1",
    nullptr,
};

void check_spawn(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// posix_spawn does not copy this process. Asio's sockets are not close-on-exec, so all
// descriptors except the named ones are closed.
pid_t spawn_launcher(const std::string& path, int control) {
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
  // A separate session: the terminal's Ctrl-C reaches only the server, which ends the launcher in
  // order.
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  char* const argv[] = {const_cast<char*>("pyexec-worker"), nullptr};
  pid_t pid;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, &attributes, argv,
                                  const_cast<char* const*>(kEnvironment.data()));
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  check_spawn(error, "cannot start " + path);
  return pid;
}

// Starts the launcher with one end of a control socket. Returns the server's end.
int start(const std::string& path, pid_t& pid) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  UniqueFd own(pair[0]), launchers(pair[1]);
  // dup2 onto the same descriptor would keep close-on-exec.
  if (launchers.get() == kControlFd) launchers.reset(::fcntl(kControlFd, F_DUPFD_CLOEXEC, 64));
  pid = spawn_launcher(path, launchers.get());
  return own.release();
}

}  // namespace

LauncherClient::LauncherClient(net::any_io_executor executor, const std::string& program,
                               const Configure& configure, Log& log)
    : log_(log), control_(executor, start(program, pid_)) {
  if (!send_message(control_.native_handle(), encode_control(configure), {}))
    throw std::system_error(errno, std::generic_category(), "cannot configure the launcher");
}

awaitable<std::optional<Probed>> LauncherClient::probe() {
  co_await control_.async_wait(net::posix::stream_descriptor::wait_read, kAsTuple);
  FdMessage message;
  if (receive_message(control_.native_handle(), message) != ReceiveResult::message)
    co_return std::nullopt;
  const auto probed = decode_control<Probed>(message.body());
  if (!probed || probed->protocol_version != kProtocolVersion) co_return std::nullopt;
  co_return probed;
}

std::uint32_t LauncherClient::start_zygote(int control, sandbox::Tenant tenant) {
  const int fds[] = {control};
  const std::uint32_t number = zygotes_++;
  if (!send_message(control_.native_handle(), encode_control(StartZygote{number, tenant}), fds))
    log_.warn("the launcher is gone: no zygote can be started any more");
  return number;
}

void LauncherClient::end_zygote(std::uint32_t number) {
  send_message(control_.native_handle(), encode_control(EndZygote{number}), {});
}

void LauncherClient::close() {
  error_code ignored;
  control_.close(ignored);
}

}  // namespace pyexec
