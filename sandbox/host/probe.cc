// Runs in the launcher and in short-lived children of it.
#include "sandbox/host/probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/host/cgroup.h"
#include "sandbox/host/probe_layers.h"
#include "sandbox/host/shortage.h"
#include "sandbox/jail.h"
#include "sandbox/layers/jail_root.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/layers/scratch.h"
#include "sandbox/layers/slot.h"
#include "sandbox/makers/outer_userns.h"
#include "sandbox/makers/spawner.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"

namespace pyexec::sandbox {
namespace {

constexpr unsigned kTrySeconds = 10;
std::int32_t as_failure(std::int32_t error, std::int32_t) {
  return error;
}
SetupError as_failure(std::int32_t error, const SetupError& on_death) {
  return fail(on_death.step, error, on_death.index);
}

// Runs `act` in a child and returns its result, or EPIPE if the child dies.
template <typename Result, typename Act>
Result in_child(Act act, Result on_death) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
    return as_failure(errno, on_death);
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ours.reset();
    ::signal(SIGCHLD, SIG_DFL);
    const Result result = act();
    ::_exit(sys::send_all(theirs.get(), &result, sizeof result) ? 0 : 1);
  }
  if (pid == -1) return as_failure(errno, on_death);
  theirs.reset();
  Result result = on_death;
  if (!sys::read_all(ours.get(), &result, sizeof result)) result = on_death;
  sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  return result;
}

// Does the zygote's part: makes one jail and starts a process in it that reports the result.
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
      result = enter_jail({plan, worker_id, false, jail.init_pidfd.get(), write_end.get(),
                           write_end.get(), socket, limits, program});
      if (result.step > Step::descriptors || !result.failed()) socket = kJobFd;
    }
    // The probe must also show that a jail can be ended, and with more than one process in it:
    // those are found and ended in another way than a worker that is alone.
    const pid_t other = !result.failed() && plan.namespaces() ? ::fork() : 1;
    if (other == -1) result = fail(Step::verify, errno, 21);
    if (other != 0) sys::send_all(socket, &result, sizeof result);
    if (result.failed()) ::_exit(1);
    for (;;) ::pause();
  }
  inner.reset();
  if (!result.failed() && !sys::read_all(outer.get(), &result, sizeof result))
    result = fail(Step::fork, EPIPE, 7);
  outer.reset();
  ::shutdown(jail.lifeline.get(), SHUT_WR);
  sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  char word = 0, last = 0;
  while (sys::read_all(jail.lifeline.get(), &word, 1)) last = word;
  if (jail.control) {  // a jail that waits for another job
    jail.control.reset();
    pollfd ended = {jail.init_pidfd.get(), POLLIN, 0};
    sys::retry([&] { return ::poll(&ended, 1, -1); });
  }
  if (!result.failed() && last != kJailEmpty) return fail(Step::verify, 0, 20);
  return result;
}

bool is_tried(const Plan& plan, const ProbeLimits& wanted, const Probe& probe) {
  if (plan.level > wanted.max_level) return false;
  if (plan.root == Root::open) return wanted.weak == ProbeLimits::Weak::allowed;
  // Without another uid these plans fail sooner or later, even if the host is never asked for
  // more than it has.
  if (plan.outer_userns == OuterUserns::many_ids)
    return probe.layers[static_cast<std::size_t>(Layer::other_uid)] == 0;
  return true;
}

// A jail with namespaces can be kept if the kernel lets its worker's number be chosen, and tells
// how many processes there were. Whether it does is found out by trying the plan.
bool may_be_kept(const Plan& plan) {
  int* thread_id = nullptr;
  if (plan.builder != Builder::setns) return plan.builder == Builder::supervised;
  return ::access("/proc/sys/kernel/ns_last_pid", R_OK) == 0 &&
         ::prctl(PR_GET_TID_ADDRESS, &thread_id) == 0;
}

// Whether the plan may work if no jail is kept.
bool is_about_keeping(const SetupError& error) {
  if (error.step == Step::jail_root) return error.index == kUnfixedNumbers;
  return error.step == Step::fork && (error.error == EPERM || error.error == EINVAL);
}

// Groups made by the launcher are useless if the zygote, in its outer user namespace, cannot make
// slots in them.
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

// Raises level 3 to level 4, or keeps level 3 on failure. Applies only to setns jails: a slot
// could not hold jails that the worker's ancestors make.
SetupError add_cgroups(const Limits& limits, const ProbeLimits& wanted, Plan& plan, Probe& probe) {
  if (plan.builder != Builder::setns) return ok();
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
    return ok();
  }
  forget_cgroups(plan);
  probe.locks.clear();
  return error;
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

Probe probe_host(const Limits& limits, const ProbeLimits& wanted, Plan& plan) {
  Probe probe;
  Patience patience;
  const auto is_short_of = [&](const SetupError& error) {
    if (is_shortage(errno_of(error))) probe.shortage = error;
    return probe.shortage.failed();
  };
  const SetupError claimed = without_shortage(patience, [&] { return probe.uids.claim(); });
  if (claimed.failed()) {
    is_short_of(claimed);
    probe.tried.push_back({"a range of uids", claimed});
    plan = {};
    return probe;
  }
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const auto try_it = [&] {
      return in_child<std::int32_t>([&] { return try_layer(static_cast<Layer>(i), probe.uids); },
                                    EPIPE);
    };
    probe.layers[i] = without_shortage(patience, try_it);
    if (is_short_of(fail(Step::control, probe.layers[i], static_cast<std::uint32_t>(i)))) {
      plan = {};
      return probe;
    }
  }
  probe.landlock_abi = std::max(0, sys::landlock_abi());
  std::uint32_t worker_id = 0;  // a new one, and so a new uid, for each try
  for (const Candidate& candidate : candidates()) {
    if (!is_tried(candidate.plan, wanted, probe)) continue;
    plan = candidate.plan;
    plan.packages = wanted.packages;
    plan.landlock_abi = probe.landlock_abi;
    probe.uids.give_to(plan);
    if (may_be_kept(plan)) plan.reuse = wanted.reuse;
    const bool wants_scratch = !plan.namespaces() && plan.root != Root::chroot;
    const auto try_it = [&]() -> SetupError {
      errno = 0;
      if (wants_scratch && plan.scratch[0] == '\0') make_scratch_base(plan);
      if (wants_scratch && plan.scratch[0] == '\0' && is_shortage(errno))
        return fail(Step::scratch, errno);
      const SetupError error = try_plan(plan, limits, worker_id++);
      const std::int32_t short_of = errno_of(error) == EPIPE ? shortage_now() : 0;
      return short_of == 0 ? error : fail(error.step, short_of, error.index);
    };
    SetupError error = without_shortage(patience, try_it);
    if (plan.reuse != Reuse::never && is_about_keeping(error)) {
      plan.reuse = Reuse::never;
      error = without_shortage(patience, try_it);
    }
    probe.tried.push_back({candidate.name, error});
    if (!error.failed()) {
      const auto add = [&] { return add_cgroups(limits, wanted, plan, probe); };
      if (!is_short_of(without_shortage(patience, add))) {
        settle_sessions(plan);
        return probe;
      }
    }
    release(plan);
    if (is_short_of(error)) break;
  }
  plan = {};
  return probe;
}

void release(const Plan& plan) {
  if (plan.scratch[0] != '\0') remove_tree(plan.scratch.data());
  remove_cgroups(plan);
}

}  // namespace pyexec::sandbox
