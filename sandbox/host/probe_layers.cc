// Runs in short-lived children of the launcher.
#include "sandbox/host/probe_layers.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/base/sys.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {
namespace {

std::int32_t error_of(int result) {
  return result == -1 ? errno : 0;
}

// Makes the namespace by itself, or else inside a user namespace, which anybody may make unless
// it is forbidden.
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

}  // namespace

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

}  // namespace pyexec::sandbox
