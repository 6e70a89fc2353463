// Runs in the zygote and in slot processes; in the worker until `worker_main`.
#include "worker/zygote/forker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"
#include "worker/job/worker_main.h"
#include "worker/zygote/zygote.h"

namespace pyexec {

using sandbox::SetupError;
using sandbox::Step;

namespace {

std::uint64_t own_address_space_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Returns a descriptor that reports SIGCHLD to poll().
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

}  // namespace

Forker::Forker(const Interpreter& interpreter, const Configure& configure,
               const sandbox::Plan& plan, sandbox::Spawner& spawner)
    : interpreter_(interpreter),
      plan_(plan),
      limits_(job_limits(configure)),
      memory_bytes_(configure.memory_bytes),
      caps_{configure.result_bytes, configure.error_bytes},
      filter_(sandbox::compile(sandbox::policy_for(plan))),
      spawner_(spawner),
      children_(watch_children()) {
  for (std::size_t i = 0; i < kWarmths; ++i)
    working_sets_[i] = WorkingSet::record([&] {
      interpreter_.start_life("/tmp");
      interpreter_.warm_up(static_cast<Preload>(i));
    });
  limits_.address_space_bytes += own_address_space_bytes();
}

SetupError Forker::fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness) {
  int out[2], errors[2];
  PYEXEC_TRY(sandbox::check(::pipe2(out, O_CLOEXEC), Step::fork, 1));
  UniqueFd server_out(out[0]), worker_out(out[1]);
  PYEXEC_TRY(sandbox::check(::pipe2(errors, O_CLOEXEC), Step::fork, 7));
  UniqueFd server_errors(errors[0]), worker_errors(errors[1]);

  if (slot_ != nullptr) memory_kills_ = slot_->memory_kills();
  pid_t pid = -1;
  sandbox::Lap lap;
  const SetupError forked = spawner_.fork_into(jail, pid);
  if (pid == 0) {
    jail.server_job.reset();  // or it would not notice that the server closed its end
    const sandbox::JailEntry entry = {plan_,
                                      jail.made_for,
                                      jail.made_for != jail.worker_id,
                                      jail.init_pidfd.get(),
                                      worker_out.get(),
                                      worker_errors.get(),
                                      jail.worker_job.get(),
                                      limits_,
                                      filter_};
    worker_main(interpreter_,
                {entry, caps_, forked, working_sets_[static_cast<std::size_t>(readiness.pages)],
                 readiness.scripts, memory_bytes_});
  }
  PYEXEC_TRY(forked);
  const std::uint64_t fork_ns = lap.ns();

  workers_[pid] = last_ = jail.worker_id;
  const auto share_file = slot_ == nullptr ? sandbox::ShareFile::none : slot_->share_file();
  const std::array<int, kMostWorkerFds> fds = {
      jail.server_job.get(), server_out.get(),      server_errors.get(),
      jail.lifeline.get(),   jail.init_pidfd.get(), slot_ == nullptr ? -1 : slot_->share()};
  const std::span sent(fds.data(), worker_fds(share_file));
  const WorkerSpawned spawned = {jail.worker_id, pid,        jail.made_for,
                                 share_file,     jail.times, fork_ns};
  if (!tell_server(spawned, sent)) ::_exit(1);
  return sandbox::ok();
}

bool Forker::reap() {
  signalfd_siginfo ignored;
  while (::read(children_.get(), &ignored, sizeof ignored) > 0) {
  }
  bool told = true;
  int status;
  rusage used = {};
  for (pid_t pid; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
    const auto worker = workers_.find(pid);
    if (worker == workers_.end()) continue;  // the jailer or a slot: its socket tells too
    const bool out_of_memory =
        slot_ != nullptr && WIFSIGNALED(status) && slot_->memory_kills() > memory_kills_;
    // Where the init reaps the worker, the process that ends here is only the jail's maker
    // (unshared_jail.h).
    if (spawner_.exits() == -1 || status != 0)
      told = told && tell_server(WorkerExited{worker->second, status, out_of_memory ? 1u : 0u, 0,
                                              sandbox::usage_of(used)});
    workers_.erase(worker);
  }
  return told;
}

void Forker::move_to(const sandbox::Slot& slot) {
  slot_ = &slot;
  workers_.clear();
  children_ = watch_children();
}

}  // namespace pyexec
