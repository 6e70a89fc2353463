// Runs in the process that becomes the zygote, before the interpreter is loaded.
#include "sandbox/makers/outer_userns.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/privileges.h"

namespace pyexec::sandbox {
namespace {

SetupError write_file(const char* path, const char* text, std::uint32_t index) {
  return sys::write_setting(path, text) ? ok() : fail(Step::outer_userns, errno, index);
}

struct Ids {
  uid_t uid;
  gid_t gid;
};

// Runs in the process itself, which may map one id, its own, and no groups.
SetupError map_one_id(const Ids& outer) {
  char map[64];
  PYEXEC_TRY(write_file("/proc/self/setgroups", "deny", 1));
  std::snprintf(map, sizeof map, "0 %u 1\n", outer.uid);
  PYEXEC_TRY(write_file("/proc/self/uid_map", map, 2));
  std::snprintf(map, sizeof map, "0 %u 1\n", outer.gid);
  return write_file("/proc/self/gid_map", map, 3);
}

// Runs in a process that stayed outside the user namespace.
SetupError map_many_ids(pid_t inner, const Ids& outer, const Plan& plan) {
  char path[64], map[128];
  for (const bool users : {true, false}) {
    std::snprintf(map, sizeof map, "0 %u 1\n%u %u %u\n", users ? outer.uid : outer.gid,
                  plan.first_uid, plan.first_uid, plan.uid_count);
    std::snprintf(path, sizeof path, "/proc/%d/%s", inner, users ? "uid_map" : "gid_map");
    PYEXEC_TRY(write_file(path, map, users ? 4 : 5));
  }
  return ok();
}

SetupError unshare_with_many_ids(const Ids& outer, const Plan& plan) {
  int pair[2];
  PYEXEC_TRY(
      check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), Step::outer_userns, 6));
  UniqueFd inner(pair[0]), helper(pair[1]);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid == -1) return fail(Step::outer_userns, errno, 7);
  if (pid == 0) {
    inner.reset();
    char unshared;
    if (!sys::read_all(helper.get(), &unshared, 1)) ::_exit(1);
    const SetupError mapped = map_many_ids(self, outer, plan);
    ::_exit(sys::send_all(helper.get(), &mapped, sizeof mapped) ? 0 : 1);
  }
  helper.reset();
  SetupError result = check(::unshare(CLONE_NEWUSER | CLONE_NEWPID), Step::outer_userns, 8);
  const char unshared = 1;
  if (!result.failed() && (!sys::send_all(inner.get(), &unshared, 1) ||
                           !sys::read_all(inner.get(), &result, sizeof result)))
    result = fail(Step::outer_userns, EPIPE, 9);
  inner.reset();
  sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  return result;
}

[[noreturn]] void wait_and_exit(pid_t child) {
  // Closes every descriptor shared with the child: the child's peers wait for the end of file.
  sys::close_range(0, ~0u);
  int status = 1 << 8;
  sys::retry([&] { return ::waitpid(child, &status, 0); });
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// Leaves root at level 1: the uid that all processes then share must not be root's, whose
// processes the kernel does not count.
SetupError leave_root(const Plan& plan) {
  sys::Capabilities has;
  PYEXEC_TRY(check(sys::get_capabilities(&has), Step::outer_userns, 13));
  constexpr std::uint64_t kToChangeIds = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP;
  if (::geteuid() != 0 || (has.effective & kToChangeIds) != kToChangeIds) return ok();
  PYEXEC_TRY(drop_bounding_set(Step::outer_userns));
  PYEXEC_TRY(become(plan.front_end_uid(), Step::outer_userns));
  return keep_capabilities(0, Step::outer_userns);
}

}  // namespace

SetupError enter_nest(const Plan& plan) {
  if (plan.users == Users::shared) return leave_root(plan);
  if (plan.outer_userns == OuterUserns::none) return ok();
  if (plan.outer_userns == OuterUserns::many_ids) {
    PYEXEC_TRY(unshare_with_many_ids({::geteuid(), ::getegid()}, plan));
  } else {
    PYEXEC_TRY(leave_root(plan));
    PYEXEC_TRY(
        check(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), Step::outer_userns, 14));  // to own the maps
    const Ids outer = {::geteuid(), ::getegid()};  // inside, they are not mapped yet
    PYEXEC_TRY(check(::unshare(CLONE_NEWUSER | CLONE_NEWPID), Step::outer_userns, 8));
    PYEXEC_TRY(map_one_id(outer));
  }
  const pid_t pid = ::fork();
  if (pid == -1) return fail(Step::outer_userns, errno, 10);
  if (pid != 0) wait_and_exit(pid);
  PYEXEC_TRY(die_with_parent(Step::outer_userns));
  // Verifies that this is pid 1 of a pid namespace and root of a user namespace.
  return ::getpid() == 1 && ::getuid() == 0 && ::getgid() == 0 ? ok()
                                                               : fail(Step::outer_userns, 0, 12);
}

}  // namespace pyexec::sandbox
