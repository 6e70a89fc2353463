// Runs in the launcher, until `start_zygote` forks.
#include "worker/launcher/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/host/cgroup.h"
#include "sandbox/host/probe.h"
#include "sandbox/layers/privileges.h"
#include "worker/protocol/control.h"
#include "worker/zygote/zygote.h"

namespace pyexec {
namespace {

Probed describe_host(const sandbox::Probe& probe, const sandbox::Plan& plan) {
  Probed message = {};
  message.protocol_version = kProtocolVersion;
  message.level = plan.level;
  message.front_end_uid = plan.front_end_uid();
  const bool have_own =
      plan.users == sandbox::Users::own_host || plan.users == sandbox::Users::two_mapped;
  message.job_uids = plan.level > 0 && have_own ? plan.job_uids() : 0;
  message.landlock_abi = static_cast<std::uint32_t>(probe.landlock_abi);
  message.has_processes = plan.level > 0 && plan.namespaces() ? 1 : 0;
  message.has_private_tmp = plan.level > 0 && plan.root == sandbox::Root::image ? 1 : 0;
  message.has_scratch = message.has_private_tmp == 1 || plan.scratch[0] != '\0' ? 1 : 0;
  message.has_file_locks = plan.level > 0 && plan.files == sandbox::Files::own ? 1 : 0;
  message.has_sessions =
      message.has_processes == 1 && plan.sessions == sandbox::Sessions::any ? 1 : 0;
  message.keeps_jails = plan.level > 0 && plan.reuse == sandbox::Reuse::if_untouched ? 1 : 0;
  message.tried_count =
      static_cast<std::uint32_t>(std::min(probe.tried.size(), message.tried.size()));
  for (std::uint32_t i = 0; i < message.tried_count; ++i) {
    auto& row = message.tried[i];
    const char* name = probe.tried[i].candidate;
    std::memcpy(row.plan.data(), name, std::min(std::strlen(name), row.plan.size() - 1));
    row.error = probe.tried[i].error;
  }
  message.layers = probe.layers;
  message.shortage = probe.shortage;
  return message;
}

// Turns this process into a zygote. `control` becomes kControlFd and is its only descriptor.
[[noreturn]] void become_zygote(int control, const Configure& configure, const sandbox::Plan& plan,
                                std::uint32_t generation) {
  if (sandbox::die_with_parent(sandbox::Step::control).failed()) ::_exit(1);
  ::prctl(PR_SET_NAME, "pyexec-zygote", 0, 0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup3(control, kControlFd, O_CLOEXEC) == -1 || sys::close_range(kControlFd + 1, ~0u) == -1)
    ::_exit(1);
  ::_exit(zygote_main(configure, plan, generation));
}

// A session has its jail to itself, and processes and memory of its own number and size.
sandbox::Plan for_sessions(sandbox::Plan plan) {
  plan.tenant = sandbox::Tenant::session;
  plan.reuse = sandbox::Reuse::never;
  return plan;
}
Configure for_sessions(Configure configure) {
  configure.processes = configure.session_processes;
  configure.group_bytes = configure.session_memory_bytes;
  return configure;
}

class Launcher {
 public:
  Launcher(const Configure& configure, const sandbox::Plan& plan, sandbox::UidRange& uids)
      : configure_(configure), plan_(plan), uids_(uids) {
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    ended_.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    reap();  // the probe's children, which ended before the signalfd existed
  }

  // Returns true while the server is there and the uids of jobs are this service's.
  bool serve_once() {
    pollfd sources[] = {{kControlFd, POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) return false;
    if (sources[1].revents != 0) reap();
    if (lost_uids_) return false;
    return sources[0].revents == 0 || take_request();
  }

  // Waits for the zygotes, which end by themselves when the server does. Kills those that remain
  // after `kPatience`, or at once if another service may have taken the uids of their jobs.
  void end_all() {
    constexpr timespec kPause = {0, 5'000'000};
    constexpr int kPatience = 800;
    for (int pause = 0; !reap(); ++pause) {
      if (zygotes_.empty()) uids_.release();
      if (pause == (lost_uids_ ? 0 : kPatience))
        for (const auto& [pid, zygote] : zygotes_) ::kill(pid, SIGKILL);
      if (pause == 2 * kPatience) return;
      ::nanosleep(&kPause, nullptr);
    }
  }

 private:
  bool take_request() {
    FdMessage message;
    if (receive_message(kControlFd, message) != ReceiveResult::message) return false;
    if (const auto end = decode_control<EndZygote>(message.body())) {
      for (const auto& [pid, zygote] : zygotes_)
        if (zygote.number == end->number) ::kill(pid, SIGKILL);
      return true;
    }
    const auto start = decode_control<StartZygote>(message.body());
    if (!start || message.fd_count != 1) return false;
    const pid_t pid = ::fork();
    if (pid == 0 && start->tenant == sandbox::Tenant::session)
      become_zygote(message.fds[0].get(), for_sessions(configure_), for_sessions(plan_),
                    generation_);
    if (pid == 0) become_zygote(message.fds[0].get(), configure_, plan_, generation_);
    if (pid != -1) zygotes_[pid] = {start->number, generation_};
    ++generation_;
    return true;
  }

  // Returns true if no child is left. Orphans of zygotes are children too.
  bool reap() {
    signalfd_siginfo ignored;
    while (::read(ended_.get(), &ignored, sizeof ignored) > 0) {
    }
    pid_t pid;
    while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
      lost_uids_ |= pid == uids_.holder();
      const auto zygote = zygotes_.extract(pid);
      if (!zygote.empty()) ended_generations_.insert(zygote.mapped().generation);
    }
    std::erase_if(ended_generations_, [&](std::uint32_t generation) {
      return sandbox::remove_slots(plan_, generation);
    });
    return pid == -1;
  }

  const Configure& configure_;
  const sandbox::Plan& plan_;
  sandbox::UidRange& uids_;
  bool lost_uids_ = false;
  UniqueFd ended_;
  struct Zygote {
    std::uint32_t number;  // assigned by the server
    std::uint32_t generation;
  };
  std::map<pid_t, Zygote> zygotes_;
  std::set<std::uint32_t> ended_generations_;  // whose control groups may still be there
  std::uint32_t generation_ = 0;
};

}  // namespace

int launcher_main() {
  FdMessage message;
  if (receive_message(kControlFd, message) != ReceiveResult::message) return 1;
  const auto configure = decode_control<Configure>(message.body());
  if (!configure || configure->protocol_version != kProtocolVersion) return 1;
  ::prctl(PR_SET_NAME, "pyexec-launcher", 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // on kernels without it, another process reaps

  sandbox::Plan plan = {};
  using Weak = sandbox::ProbeLimits::Weak;
  const sandbox::ProbeLimits wanted = {
      configure->allow_weak == 1 ? Weak::allowed : Weak::refused, configure->max_level,
      configure->fresh_jails == 1 ? sandbox::Reuse::never : sandbox::Reuse::if_untouched,
      configure->packages_dir};
  sandbox::Probe probe = sandbox::probe_host(job_limits(*configure), wanted, plan);
  Launcher launcher(*configure, plan, probe.uids);
  if (send_message(kControlFd, encode_control(describe_host(probe, plan)), {}))
    while (launcher.serve_once()) {
    }
  launcher.end_all();
  sandbox::release(plan);
  return 0;
}

}  // namespace pyexec
