// Runs in the zygote.
#include "worker/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/bpf.h"
#include "sandbox/jailer.h"
#include "sandbox/python_policy.h"
#include "worker/interpreter.h"
#include "worker/protocol/control.h"
#include "worker/worker_main.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

constexpr std::uint32_t kLevelNamespaced = 3;

template <typename Message>
bool tell_server(const Message& message, std::span<const int> fds = {}) {
  return send_message(kControlFd, encode_control(message), fds);
}

std::optional<Configure> receive_configuration() {
  FdMessage message;
  if (receive_message(kControlFd, message) != ReceiveResult::message) return std::nullopt;
  auto configure = decode_control<Configure>(message.body());
  if (!configure || configure->protocol_version != kProtocolVersion) return std::nullopt;
  return configure;
}

sandbox::Limits job_limits(const Configure& configure) {
  return {.address_space_bytes = configure.memory_bytes,  // the baseline is added once it is known
          .cpu_seconds = configure.cpu_seconds,
          .file_bytes = configure.file_bytes,
          .open_files = configure.open_files,
          .processes = configure.processes,
          .tmp_bytes = configure.tmp_bytes,
          .tmp_inodes = configure.tmp_inodes,
          .shm_bytes = configure.shm_bytes};
}

std::uint64_t own_address_space_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Hello hello(const Versions& versions) {
  Hello message = {kProtocolVersion, kLevelNamespaced, {}, {}, {}};
  const auto put = [](std::array<char, 32>& out, const std::string& text) {
    std::memcpy(out.data(), text.data(), std::min(text.size(), out.size() - 1));
  };
  put(message.python, versions.python);
  put(message.numpy, versions.numpy);
  put(message.pandas, versions.pandas);
  return message;
}

// SIGCHLD as something to poll.
UniqueFd watch_children() {
  struct sigaction ended_only = {};
  ended_only.sa_handler = SIG_DFL;
  ended_only.sa_flags = SA_NOCLDSTOP;  // a worker is stopped before it is killed
  ::sigaction(SIGCHLD, &ended_only, nullptr);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  return UniqueFd(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Zygote {
 public:
  Zygote(const Interpreter& interpreter, const Configure& configure, UniqueFd jailer)
      : interpreter_(interpreter),
        limits_(job_limits(configure)),
        caps_{configure.result_bytes, configure.error_bytes},
        filter_(sandbox::compile(sandbox::python_policy())),
        jailer_(std::move(jailer)),
        children_(watch_children()),
        own_pid_namespace_(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)) {
    limits_.address_space_bytes += own_address_space_bytes();
  }

  // True while the server and the jailer are there.
  bool serve_once() {
    pollfd sources[] = {
        {kControlFd, POLLIN, 0}, {jailer_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}};
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) return false;
    // Dead workers first: a jail's last process has to be reaped before the jail counts as gone.
    if (sources[2].revents != 0) reap_workers();
    if (sources[0].revents != 0 && !take_request()) return false;
    if (sources[1].revents != 0 && !take_jail()) return false;
    return true;
  }

 private:
  bool take_request() {
    if (receive_message(kControlFd, message_) != ReceiveResult::message) return false;
    const auto spawn = decode_control<Spawn>(message_.body());
    if (!spawn) return false;
    const sandbox::JailRequest request = {spawn->worker_id};
    return send_message(jailer_.get(), std::as_bytes(std::span(&request, 1)), {});
  }

  bool take_jail() {
    if (receive_message(jailer_.get(), message_) != ReceiveResult::message) return false;
    sandbox::JailReply reply;
    if (message_.size != sizeof reply) return false;
    std::memcpy(&reply, message_.bytes.data(), sizeof reply);
    if (!reply.error.failed() && message_.fd_count == 2)
      reply.error =
          fork_worker(reply.worker_id, std::move(message_.fds[0]), std::move(message_.fds[1]));
    if (reply.error.failed()) return tell_server(SpawnFailed{reply.worker_id, reply.error});
    return true;
  }

  SetupError fork_worker(std::uint32_t worker_id, UniqueFd init_pidfd, UniqueFd leash) {
    int job[2], out[2];
    PYEXEC_TRY(
        sandbox::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job), Step::fork, 0));
    UniqueFd server_job(job[0]), worker_job(job[1]);
    PYEXEC_TRY(sandbox::check(::pipe2(out, O_CLOEXEC), Step::fork, 1));
    UniqueFd server_out(out[0]), worker_out(out[1]);

    // Only a child enters a pid namespace, so: join, fork, go back.
    PYEXEC_TRY(sandbox::check(sys::join_namespaces(init_pidfd.get(), CLONE_NEWPID), Step::fork, 2));
    const pid_t pid = interpreter_.fork();
    if (pid == 0)
      worker_main(
          interpreter_,
          {{init_pidfd.get(), worker_out.get(), worker_job.get(), limits_, filter_}, caps_});
    const int fork_error = errno;
    // A zygote that cannot go back would fork into a stranger's jail: it is of no further use.
    if (sys::join_namespaces(own_pid_namespace_.get(), CLONE_NEWPID) == -1) ::_exit(1);
    if (pid == -1) return sandbox::fail(Step::fork, fork_error, 3);

    workers_[pid] = worker_id;
    const std::array<int, kWorkerFds> fds = {server_job.get(), server_out.get(), leash.get(),
                                             init_pidfd.get()};
    if (!tell_server(WorkerSpawned{worker_id, pid}, fds)) ::_exit(1);
    return sandbox::ok();
  }

  void reap_workers() {
    signalfd_siginfo ignored;
    while (::read(children_.get(), &ignored, sizeof ignored) > 0) {
    }
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto worker = workers_.find(pid);
      if (worker == workers_.end()) continue;  // the jailer: its socket says so too
      tell_server(WorkerExited{worker->second, status});
      workers_.erase(worker);
    }
  }

  const Interpreter& interpreter_;
  sandbox::Limits limits_;
  ReportCaps caps_;
  std::vector<sock_filter> filter_;
  UniqueFd jailer_;
  UniqueFd children_;
  UniqueFd own_pid_namespace_;
  std::map<pid_t, std::uint32_t> workers_;
  FdMessage message_;
};

}  // namespace

int zygote_main() {
  ::umask(0022);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const auto configure = receive_configuration();
  if (!configure) return 1;

  UniqueFd jailer;  // before Python: its pages are copied into every jail's init
  if (const auto error = sandbox::start_jailer(job_limits(*configure), jailer); error.failed()) {
    tell_server(SpawnFailed{kNoWorker, error});
    return 1;
  }
  const Interpreter interpreter;
  Zygote zygote(interpreter, *configure, std::move(jailer));
  if (!tell_server(hello(interpreter.versions()))) return 1;
  while (zygote.serve_once()) {
  }
  return 0;
}

}  // namespace pyexec
