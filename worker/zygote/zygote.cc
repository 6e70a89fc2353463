// Runs in the zygote.
#include "worker/zygote/zygote.h"

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
#include <system_error>
#include <vector>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/makers/outer_userns.h"
#include "sandbox/makers/spawner.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"
#include "worker/zygote/forker.h"
#include "worker/zygote/kept_jails.h"
#include "worker/zygote/slots.h"

namespace pyexec {
namespace {

using sandbox::SetupError;

Hello hello(const Interpreter& interpreter, std::uint32_t level) {
  const Versions& versions = interpreter.versions();
  const ImageResult& image = interpreter.image();
  Hello message = {kProtocolVersion, level, {}, {}, {}, image.bytes, {}};
  const auto put = [](auto& out, const std::string& text) {
    std::memcpy(out.data(), text.data(), std::min(text.size(), out.size() - 1));
  };
  put(message.python, versions.python);
  put(message.numpy, versions.numpy);
  put(message.pandas, versions.pandas);
  if (image.refused_step != nullptr) {
    std::string why = image.refused_step;
    if (image.error != 0) why += ": " + std::generic_category().message(image.error);
    put(message.image_refused, why);
  }
  return message;
}

class Zygote {
 public:
  Zygote(Forker& forker, const sandbox::Plan& plan, sandbox::Spawner& spawner, Slots* slots,
         sandbox::ClosedFiles& closed_files)
      : forker_(forker),
        spawner_(spawner),
        closed_files_(closed_files),
        slots_(slots),
        kept_(plan, closed_files) {}

  // Returns true while the server, the jailer and all slots are there.
  bool serve_once() {
    std::vector<pollfd> sources = {{kControlFd, POLLIN, 0},
                                   {spawner_.jails(), POLLIN, 0},
                                   {forker_.children(), POLLIN, 0},
                                   {spawner_.exits(), POLLIN, 0},
                                   {closed_files_.source(), POLLIN, 0}};
    slots_ != nullptr ? slots_->add_sources(sources) : kept_.add_sources(sources);
    const int ready = sys::retry([&] { return ::poll(sources.data(), sources.size(), ms_left()); });
    if (ready == -1) return false;
    // Dead workers come first: a jail's last process must be reaped before the jail counts as
    // gone.
    if (sources[2].revents != 0 && !forker_.reap()) return false;
    if (sources[3].revents != 0 && !take_exit()) return false;
    if (sources[4].revents != 0 || ready == 0) closed_files_.hear();
    const auto others = std::span(sources).subspan(5);
    if (!(slots_ != nullptr ? slots_->hear(others) : kept_.hear(others))) return false;
    if (!kept_.drop_old() || !request_again()) return false;
    if (sources[0].revents != 0 && !take_request()) return false;
    if (sources[1].revents != 0 && !take_jail()) return false;
    return true;
  }

 private:
  // Until there is something to do even if nobody says anything; -1: never.
  int ms_left() const {
    const int closed = closed_files_.ms_left(), kept = slots_ != nullptr ? -1 : kept_.ms_left();
    return closed == -1 || kept == -1 ? std::max(closed, kept) : std::min(closed, kept);
  }

  bool take_request() {
    if (receive_message(kControlFd, message_) != ReceiveResult::message) return false;
    if (const auto look = decode_control<LookAtGroup>(message_.body()))
      return tell_server(slots_ != nullptr ? slots_->look_at(look->worker_id)
                                           : GroupState{look->worker_id, 0, 0, 0});
    const auto spawn = decode_control<Spawn>(message_.body());
    if (!spawn || !is_known(spawn->readiness)) return false;
    SetupError error;
    if (slots_ != nullptr && slots_->fork_in_kept_jail(spawn->worker_id, spawn->readiness, error))
      return !error.failed() || tell_server(SpawnFailed{spawn->worker_id, error});
    sandbox::EmptyJail jail;
    if (slots_ == nullptr && kept_.renew(spawn->worker_id, jail))
      return fork(jail, spawn->readiness);
    return request(spawn->worker_id, spawn->readiness);
  }

  bool request(std::uint32_t worker_id, const Readiness& readiness) {
    wanted_[worker_id] = readiness;
    return spawner_.request(worker_id);
  }

  // The workers whose slot has lost the jail that it had kept for them.
  bool request_again() {
    if (slots_ == nullptr) return true;
    for (const auto& [worker_id, readiness] : slots_->take_jailless())
      if (!request(worker_id, readiness)) return false;
    return true;
  }

  bool take_jail() {
    sandbox::EmptyJail jail;
    if (!spawner_.take(jail)) return false;
    const auto wanted = wanted_.extract(jail.worker_id);
    if (wanted.empty()) return false;
    return fork(jail, wanted.mapped());
  }

  bool fork(sandbox::EmptyJail& jail, const Readiness& readiness) {
    if (!jail.error.failed())
      jail.error = slots_ != nullptr ? slots_->fork_worker(jail, readiness)
                                     : forker_.fork_worker(jail, readiness);
    if (jail.error.failed()) return tell_server(SpawnFailed{jail.worker_id, jail.error});
    if (slots_ == nullptr) kept_.add(jail);
    return true;
  }

  bool take_exit() {
    sandbox::WorkerExit exit;
    return spawner_.take_exit(exit) &&
           tell_server(WorkerExited{exit.worker_id, exit.wait_status, 0, 0, exit.usage});
  }

  Forker& forker_;
  sandbox::Spawner& spawner_;
  sandbox::ClosedFiles& closed_files_;
  Slots* slots_;    // null unless control groups bound a job
  KeptJails kept_;  // without slots
  FdMessage message_;
  std::map<std::uint32_t, Readiness> wanted_;  // for the workers that wait for their jail
};

// Blocks SIGINT: Python's handler would record it for the next Python code that runs, which is
// every worker's.
void block_interrupts() {
  sigset_t interrupt;
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::sigprocmask(SIG_BLOCK, &interrupt, nullptr);
}

Locking locking_of(const sandbox::Plan& plan) {
  if (plan.files == sandbox::Files::own) return Locking::by_kernel;
  return plan.namespaces() ? Locking::by_files : Locking::within_process;
}

}  // namespace

sandbox::Limits job_limits(const Configure& configure) {
  return {.address_space_bytes = configure.memory_bytes,  // the baseline is added once known
          .cpu_seconds = configure.cpu_seconds,
          .file_bytes = configure.file_bytes,
          .open_files = configure.open_files,
          .processes = configure.processes,
          .tmp_bytes = configure.tmp_bytes,
          .tmp_inodes = configure.tmp_inodes,
          .shm_bytes = configure.shm_bytes,
          .group_bytes = configure.group_bytes};
}

int zygote_main(const Configure& configure, const sandbox::Plan& plan, std::uint32_t generation) {
  ::umask(0022);
  block_interrupts();
  SetupError error = sandbox::enter_nest(plan);
  // Other jobs and the front end may have the same uid. The zygote's own workers cope with it
  // (jail.cc).
  if (!error.failed() && !plan.namespaces()) error = sandbox::forbid_tracing();
  sandbox::Spawner spawner;  // before Python, whose pages would be copied into every jail's init
  if (!error.failed()) error = spawner.start(plan, job_limits(configure));
  // Children that share its memory become jobs' uids (in_flight.h).
  const bool looks_for_files =
      plan.reuse != sandbox::Reuse::never && plan.files == sandbox::Files::own;
  if (!error.failed() && looks_for_files) error = sandbox::forbid_tracing();
  if (error.failed()) {
    tell_server(SpawnFailed{kNoWorker, error});
    return 1;
  }
  const OwnPackages packages = {plan.packages.data(), configure.preimport.data()};
  const Interpreter interpreter(locking_of(plan), packages,
                                configure.no_image == 1 ? MemoryForm::pages : MemoryForm::image);
  Forker forker(interpreter, configure, plan, spawner);
  sandbox::ClosedFiles closed_files;
  Slots slots(forker, plan, job_limits(configure), generation, closed_files);
  Zygote zygote(forker, plan, spawner, plan.cgroup == sandbox::Cgroup::none ? nullptr : &slots,
                closed_files);
  if (!tell_server(hello(interpreter, plan.level))) return 1;
  while (zygote.serve_once()) {
  }
  return 0;
}

}  // namespace pyexec
