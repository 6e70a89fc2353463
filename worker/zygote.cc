// Runs in the zygote.
#include "worker/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <span>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/bpf.h"
#include "sandbox/nest.h"
#include "sandbox/privileges.h"
#include "sandbox/python_policy.h"
#include "sandbox/spawner.h"
#include "worker/interpreter.h"
#include "worker/protocol/control.h"
#include "worker/worker_main.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

template <typename Message>
bool tell_server(const Message& message, std::span<const int> fds = {}) {
  return send_message(kControlFd, encode_control(message), fds);
}

std::uint64_t own_address_space_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Hello hello(const Versions& versions, std::uint32_t level) {
  Hello message = {kProtocolVersion, level, {}, {}, {}};
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
  Zygote(const Interpreter& interpreter, const Configure& configure, const sandbox::Plan& plan,
         sandbox::Spawner& spawner)
      : interpreter_(interpreter),
        plan_(plan),
        limits_(job_limits(configure)),
        caps_{configure.result_bytes, configure.error_bytes},
        filter_(sandbox::compile(sandbox::policy_for(plan))),
        spawner_(spawner),
        children_(watch_children()) {
    limits_.address_space_bytes += own_address_space_bytes();
  }

  // True while the server and the jailer are there.
  bool serve_once() {
    pollfd sources[] = {{kControlFd, POLLIN, 0},
                        {spawner_.jails(), POLLIN, 0},
                        {children_.get(), POLLIN, 0},
                        {spawner_.exits(), POLLIN, 0}};
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) return false;
    // Dead workers first: a jail's last process has to be reaped before the jail counts as gone.
    if (sources[2].revents != 0) reap_workers();
    if (sources[3].revents != 0 && !take_exit()) return false;
    if (sources[0].revents != 0 && !take_request()) return false;
    if (sources[1].revents != 0 && !take_jail()) return false;
    return true;
  }

 private:
  bool take_request() {
    if (receive_message(kControlFd, message_) != ReceiveResult::message) return false;
    const auto spawn = decode_control<Spawn>(message_.body());
    return spawn && spawner_.request(spawn->worker_id);
  }

  bool take_jail() {
    sandbox::EmptyJail jail;
    if (!spawner_.take(jail)) return false;
    if (!jail.error.failed()) jail.error = fork_worker(jail);
    if (jail.error.failed()) return tell_server(SpawnFailed{jail.worker_id, jail.error});
    return true;
  }

  bool take_exit() {
    sandbox::WorkerExit exit;
    return spawner_.take_exit(exit) && tell_server(WorkerExited{exit.worker_id, exit.wait_status});
  }

  SetupError fork_worker(sandbox::EmptyJail& jail) {
    int job[2], out[2];
    PYEXEC_TRY(
        sandbox::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job), Step::fork, 0));
    UniqueFd server_job(job[0]), worker_job(job[1]);
    PYEXEC_TRY(sandbox::check(::pipe2(out, O_CLOEXEC), Step::fork, 1));
    UniqueFd server_out(out[0]), worker_out(out[1]);

    pid_t pid = -1;
    const SetupError forked = spawner_.fork_into(jail, interpreter_.fork_hooks(), pid);
    if (pid == 0) {
      server_job.reset();  // or it would not notice that the server let go
      const sandbox::JailEntry entry = {
          plan_,   jail.worker_id, jail.init_pidfd.get(), worker_out.get(), worker_job.get(),
          limits_, filter_};
      worker_main(interpreter_, {entry, caps_, forked});
    }
    PYEXEC_TRY(forked);

    workers_[pid] = jail.worker_id;
    const std::array<int, kWorkerFds> fds = {server_job.get(), server_out.get(), jail.leash.get(),
                                             jail.init_pidfd.get()};
    if (!tell_server(WorkerSpawned{jail.worker_id, pid}, fds)) ::_exit(1);
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
      // Where the init reaps the worker, what ends here is only the maker of its jail (chain.h).
      if (spawner_.exits() == -1 || status != 0) tell_server(WorkerExited{worker->second, status});
      workers_.erase(worker);
    }
  }

  const Interpreter& interpreter_;
  const sandbox::Plan& plan_;
  sandbox::Limits limits_;
  ReportCaps caps_;
  std::vector<sock_filter> filter_;
  sandbox::Spawner& spawner_;
  UniqueFd children_;
  std::map<pid_t, std::uint32_t> workers_;
  FdMessage message_;
};

}  // namespace

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

int zygote_main(const Configure& configure, const sandbox::Plan& plan) {
  ::umask(0022);
  SetupError error = sandbox::enter_nest(plan);
  // Other jobs and the front end may have the same uid; its own workers do not mind (jail.cc).
  if (!error.failed() && !plan.namespaces()) error = sandbox::forbid_tracing();
  sandbox::Spawner spawner;  // before Python: its pages are copied into every jail's init
  if (!error.failed()) error = spawner.start(plan, job_limits(configure));
  if (error.failed()) {
    tell_server(SpawnFailed{kNoWorker, error});
    return 1;
  }
  const Interpreter interpreter;
  Zygote zygote(interpreter, configure, plan, spawner);
  if (!tell_server(hello(interpreter.versions(), plan.level))) return 1;
  while (zygote.serve_once()) {
  }
  return 0;
}

}  // namespace pyexec
