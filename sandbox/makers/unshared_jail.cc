// Runs in the zygote, in the maker and in the init; see the diagram in unshared_jail.h.
#include "sandbox/makers/unshared_jail.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/layers/namespaces.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/makers/cell_groups.h"
#include "sandbox/makers/init.h"

namespace pyexec::sandbox {
namespace {

SetupError write_file(const char* path, const char* text, std::uint32_t index) {
  return sys::write_setting(path, text) ? ok() : fail(Step::id_maps, errno, index);
}

// Maps the process's own id, the only one that any process may map. If it is root, it first
// becomes a uid that no other job has.
SetupError make_namespaces(const Plan& plan, std::uint32_t worker_id) {
  if (::geteuid() == 0) PYEXEC_TRY(become(plan.host_job_uid(worker_id), Step::init_identity));
  PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), Step::id_maps));  // to own the files below
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const NamespaceView view;
  PYEXEC_TRY(check(::unshare(kNamespaces), Step::namespaces));
  PYEXEC_TRY(view.verify_all_changed(NamespaceView::Hidden::passed_over));
  char map[64];
  // gVisor has no such file and lets the group map be written without it.
  if (::access("/proc/self/setgroups", F_OK) == 0)
    PYEXEC_TRY(write_file("/proc/self/setgroups", "deny", 1));
  std::snprintf(map, sizeof map, "%u %u 1\n", plan.job_uid(), uid);
  PYEXEC_TRY(write_file("/proc/self/uid_map", map, 2));
  std::snprintf(map, sizeof map, "%u %u 1\n", plan.job_uid(), gid);
  PYEXEC_TRY(write_file("/proc/self/gid_map", map, 3));
  return stay(plan.job_uid(), Step::init_identity);
}

SetupError make_jail(const Plan& plan, std::uint32_t worker_id) {
  PYEXEC_TRY(check(::setsid(), Step::session));
  {
    UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!file && errno != ENOENT) return fail(Step::oom_score, errno);
    if (file && ::write(file.get(), "1000", 4) != 4) return fail(Step::oom_score, errno);
  }
  PYEXEC_TRY(make_namespaces(plan, worker_id));
  return plan.root == Root::image ? enter_root_image(plan) : enter_prepared_root();
}

void wake(int) {}

// Reaps children and reports the worker's exit. Returns true if no child is left.
class Reaper {
 public:
  Reaper(int exits, pid_t worker, std::uint32_t worker_id)
      : exits_(exits), worker_(worker), worker_id_(worker_id) {}

  bool reap(int flags) {
    int status;
    rusage used = {};
    pid_t pid;
    while ((pid = sys::retry([&] { return ::wait4(-1, &status, flags, &used); })) > 0) {
      tell(pid, status, usage_of(used));
    }
    return pid == -1;
  }

  // Reports the exit, if it is the worker's.
  void tell(pid_t pid, int status, const Usage& used) const {
    if (pid != worker_) return;
    const WorkerExit exit = {worker_id_, status, used};
    send_message(exits_, std::as_bytes(std::span(&exit, 1)), {});
  }

 private:
  int exits_;
  pid_t worker_;
  std::uint32_t worker_id_;
};

// Only reaps until the lifeline is shut down or closed; then kills every process of the jail.
[[noreturn]] void watch(int lifeline, int exits, pid_t worker, std::uint32_t worker_id,
                        Tenant tenant) {
  sigset_t ended, none;
  ::sigemptyset(&none);
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &ended, nullptr);  // only `ppoll` unblocks it
  ::signal(SIGCHLD, wake);
  Reaper reaper(exits, worker, worker_id);
  pollfd source = {lifeline, POLLIN, 0};
  if (seal_chained_init(lifeline, exits).failed()) {
    // The jail ends at once.
  } else if (tenant == Tenant::session) {
    const auto tell = [](void* it, const CellGroups::Reaped& reaped) {
      static_cast<Reaper*>(it)->tell(reaped.pid, reaped.wait_status, reaped.usage);
    };
    CellGroups(lifeline, -1).serve(tell, &reaper);
  } else {
    do reaper.reap(WNOHANG);
    while (::ppoll(&source, 1, nullptr, &none) == -1 && errno == EINTR);
  }
  do ::kill(-1, SIGKILL);
  while (!reaper.reap(0));
  sys::send_all(lifeline, &kJailEmpty, 1);
  ::_exit(0);
}

}  // namespace

SetupError fork_unshared(const Plan& plan, const Limits& limits, int exits, EmptyJail& jail,
                         pid_t& pid) {
  int pair[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), Step::fork, 4));
  jail.lifeline.reset(pair[0]);
  UniqueFd inner(pair[1]);
  jail.init_pidfd.reset(::fcntl(pair[0], F_DUPFD_CLOEXEC, 0));

  pid = ::fork();
  if (pid != 0) return pid == -1 ? fail(Step::fork, errno, 3) : ok();
  // From here on this process becomes the worker. On failure it remains it, and reports the
  // error.
  PYEXEC_TRY(make_jail(plan, jail.worker_id));
  const pid_t init = ::fork();
  if (init == -1) return fail(Step::fork, errno, 5);
  if (init != 0) ::_exit(0);

  PYEXEC_TRY(set_up_chained_init(plan, limits));
  const pid_t worker = ::fork();
  if (worker == -1) return fail(Step::fork, errno, 6);
  if (worker != 0) watch(inner.get(), exits, worker, jail.worker_id, plan.tenant);
  return ok();
}

}  // namespace pyexec::sandbox
