// Runs in the launcher, and in children of it that are thrown away.
#include "sandbox/probe.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/base/leash.h"
#include "sandbox/base/sys.h"
#include "sandbox/bpf.h"
#include "sandbox/cgroup.h"
#include "sandbox/jail.h"
#include "sandbox/nest.h"
#include "sandbox/python_policy.h"
#include "sandbox/root_image.h"
#include "sandbox/scratch.h"
#include "sandbox/spawner.h"

namespace pyexec::sandbox {
namespace {

constexpr unsigned kTrySeconds = 10;

// What `act` returns, in a child; EPIPE if it dies.
template <typename Result, typename Act>
Result in_child(Act act, Result on_death) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) return on_death;
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ours.reset();
    ::signal(SIGCHLD, SIG_DFL);
    const Result result = act();
    ::_exit(sys::send_all(theirs.get(), &result, sizeof result) ? 0 : 1);
  }
  theirs.reset();
  Result result = on_death;
  if (pid == -1 || !sys::read_all(ours.get(), &result, sizeof result)) result = on_death;
  if (pid != -1) sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  return result;
}

std::int32_t error_of(int result) {
  return result == -1 ? errno : 0;
}

// By itself, or inside a user namespace, which everybody may make where it is not forbidden.
std::int32_t make_namespace(int flag) {
  return ::unshare(flag) == 0 ? 0 : error_of(::unshare(flag | CLONE_NEWUSER));
}

std::int32_t join_by_pidfd() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) return errno;
  int pidfd = -1;
  const pid_t pid = sys::clone_namespaces(CLONE_NEWUSER | CLONE_NEWPID, &pidfd);
  if (pid == -1) return errno;
  if (pid == 0) {
    ::close(pair[0]);
    char ignored;
    sys::read_all(pair[1], &ignored, 1);
    ::_exit(0);
  }
  return error_of(sys::join_namespaces(pidfd, CLONE_NEWUSER));
}

std::int32_t mount_tmpfs() {
  if (make_namespace(CLONE_NEWNS) != 0) return errno;
  return error_of(::mount("pyexec-probe", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
}

std::int32_t pivot() {
  if (const auto error = mount_tmpfs(); error != 0) return error;
  return ::chdir("/tmp") == -1 ? errno : error_of(sys::pivot_root(".", "."));
}

std::int32_t other_uid(const UidRange& uids) {
  Plan plan = {};
  uids.give_to(plan);
  return error_of(::setresuid(plan.front_end_uid(), plan.front_end_uid(), plan.front_end_uid()));
}

std::int32_t filter() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) return errno;
  sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {1, allow};
  return error_of(sys::install_seccomp(&program));
}

std::int32_t try_layer(Layer layer, const UidRange& uids) {
  switch (layer) {
    case Layer::user_namespace:
      return error_of(::unshare(CLONE_NEWUSER));
    case Layer::pid_namespace:
      return make_namespace(CLONE_NEWPID);
    case Layer::mount_namespace:
      return make_namespace(CLONE_NEWNS);
    case Layer::network_namespace:
      return make_namespace(CLONE_NEWNET);
    case Layer::ipc_namespace:
      return make_namespace(CLONE_NEWIPC);
    case Layer::uts_namespace:
      return make_namespace(CLONE_NEWUTS);
    case Layer::join_by_pidfd:
      return join_by_pidfd();
    case Layer::mount_tmpfs:
      return mount_tmpfs();
    case Layer::pivot_root:
      return pivot();
    case Layer::other_uid:
      return other_uid(uids);
    case Layer::chroot: {
      const SetupError error = enter_prepared_root();
      return error.failed() && error.error == 0 ? ENOENT : error.error;
    }
    case Layer::no_new_privs:
      return error_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    case Layer::seccomp:
      return filter();
    case Layer::landlock:
      return error_of(sys::landlock_abi());
    case Layer::memory_cgroup:
    case Layer::pids_cgroup:
    case Layer::count:
      break;
  }
  return ENOSYS;
}

// The part of the zygote: makes one jail, and puts a process in that says how it went.
SetupError make_one_jail(const Plan& plan, const Limits& limits, std::uint32_t worker_id) {
  PYEXEC_TRY(enter_nest(plan));
  Spawner spawner;
  PYEXEC_TRY(spawner.start(plan, limits));
  EmptyJail jail;
  if (!spawner.request(worker_id) || !spawner.take(jail)) return fail(Step::control, EPIPE);
  PYEXEC_TRY(jail.error);

  int job[2], out[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job), Step::fork, 0));
  UniqueFd outer(job[0]), inner(job[1]);
  PYEXEC_TRY(check(::pipe(out), Step::fork, 1));
  UniqueFd read_end(out[0]), write_end(out[1]);
  const std::vector<sock_filter> program = compile(policy_for(plan));
  pid_t pid = -1;
  SetupError result = spawner.fork_into(jail, pid);
  if (pid == 0) {
    outer.reset();
    int socket = inner.get();
    if (!result.failed()) {
      result = enter_jail({plan, worker_id, jail.init_pidfd.get(), write_end.get(), write_end.get(),
                           socket, limits, program});
      if (result.step > Step::descriptors || !result.failed()) socket = kJobFd;
    }
    sys::send_all(socket, &result, sizeof result);
    if (result.failed()) ::_exit(1);
    for (;;) ::pause();  // whoever makes jails must show that it can end them
  }
  inner.reset();
  if (!result.failed() && !sys::read_all(outer.get(), &result, sizeof result))
    result = fail(Step::fork, EPIPE, 7);
  outer.reset();
  ::shutdown(jail.leash.get(), SHUT_WR);
  sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  char word = 0, last = 0;
  while (sys::read_all(jail.leash.get(), &word, 1)) last = word;
  if (!result.failed() && last != kJailEmpty) return fail(Step::verify, 0, 20);
  return result;
}

bool is_tried(const Plan& plan, const Wanted& wanted, const Probe& probe) {
  if (plan.level > wanted.max_level) return false;
  if (plan.root == Root::open) return wanted.weak == Wanted::Weak::allowed;
  // Sooner or later these fail, without the host's ever being asked for more than it has.
  if (plan.nest == Nest::many_ids)
    return probe.layers[static_cast<std::size_t>(Layer::other_uid)] == 0;
  return true;
}

// Groups that the launcher can make are of no use if the zygote, in its nest, cannot make slots in
// them.
SetupError try_slot(const Plan& plan, const Limits& limits) {
  constexpr std::uint32_t kTrial = 999'999;  // a generation that no zygote has
  return in_child<SetupError>(
      [&] {
        PYEXEC_TRY(enter_nest(plan));
        Slot slot;
        return slot.enter(plan, limits, {kTrial, 0});
      },
      fail(Step::cgroup, EPIPE, 1));
}

// Level 3 becomes level 4. Where the chain of forefathers makes the jails, no slot could hold them.
void add_cgroups(const Limits& limits, const Wanted& wanted, Plan& plan, Probe& probe) {
  if (plan.builder != Builder::joined) return;
  SetupError error = make_cgroups(plan, probe.locks);
  if (!error.failed()) {
    error = try_slot(plan, limits);
    if (error.failed()) error.index = 1;  // the first of the two layers that make a slot
  }
  const auto is = [&](std::uint32_t index) {
    return error.failed() && error.index == index ? std::max(error.error, 1) : 0;
  };
  probe.layers[static_cast<std::size_t>(Layer::memory_cgroup)] = is(1);
  probe.layers[static_cast<std::size_t>(Layer::pids_cgroup)] =
      error.failed() ? std::max(is(1), is(2)) : 0;
  if (!error.failed() && wanted.max_level >= 4) {
    plan.level = 4;
    return;
  }
  forget_cgroups(plan);
  probe.locks.clear();
}

// sched(7), "The autogroup feature".
bool shares_processor_by_sessions() {
  char is_on = '0';
  const UniqueFd file(::open("/proc/sys/kernel/sched_autogroup_enabled", O_RDONLY | O_CLOEXEC));
  return file && ::read(file.get(), &is_on, 1) == 1 && is_on != '0';
}

}  // namespace

SetupError try_plan(const Plan& plan, const Limits& limits, std::uint32_t worker_id) {
  return in_child<SetupError>(
      [&] {
        ::alarm(kTrySeconds);
        return make_one_jail(plan, limits, worker_id);
      },
      fail(Step::control, EPIPE, 30));
}

Probe probe_host(const Limits& limits, const Wanted& wanted, Plan& plan) {
  Probe probe;
  const SetupError claimed = probe.uids.claim();
  if (claimed.failed()) {
    probe.tried.push_back({"a range of uids", claimed});
    plan = {};
    return probe;
  }
  for (std::size_t i = 0; i < kLayerCount; ++i)
    probe.layers[i] =
        in_child<std::int32_t>([&] { return try_layer(static_cast<Layer>(i), probe.uids); }, EPIPE);
  probe.landlock_abi = std::max(0, sys::landlock_abi());
  std::uint32_t worker_id = 0;  // and so a uid of its own for each try
  for (const Candidate& candidate : candidates()) {
    if (!is_tried(candidate.plan, wanted, probe)) continue;
    plan = candidate.plan;
    plan.landlock_abi = probe.landlock_abi;
    probe.uids.give_to(plan);
    if (!plan.namespaces() && plan.root != Root::chroot) make_scratch_base(plan);
    probe.tried.push_back({candidate.name, try_plan(plan, limits, worker_id++)});
    if (!probe.tried.back().error.failed()) {
      add_cgroups(limits, wanted, plan, probe);
      if (plan.cgroup_cpu[0] == '\0' && shares_processor_by_sessions())
        plan.sessions = Sessions::one;
      return probe;
    }
    release(plan);
  }
  plan = {};
  return probe;
}

void release(const Plan& plan) {
  if (plan.scratch[0] != '\0') remove_tree(plan.scratch.data());
  remove_cgroups(plan);
}

}  // namespace pyexec::sandbox
