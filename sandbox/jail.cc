// Runs in the jailed worker.
#include "sandbox/jail.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/jail_root.h"
#include "sandbox/layers/landlock.h"
#include "sandbox/layers/namespaces.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/layers/seccomp.h"
#include "sandbox/layers/traces.h"
#include "sandbox/makers/supervisor.h"
#include "sandbox/policy/python_policy.h"

namespace pyexec::sandbox {
namespace {

// If memory runs out, the kernel kills a worker before the zygote or the server.
SetupError volunteer_for_oom_kill(const Plan& plan) {
  // A zygote that is not dumpable and not root has forked the worker, which therefore could not
  // open its own file.
  if (plan.users == Users::shared)
    PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), Step::oom_score, 1));
  const UniqueFd file(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  if (!file || ::write(file.get(), "1000", 4) != 4) return fail(Step::oom_score, errno);
  char text[8] = {};
  const bool is_set =
      ::pread(file.get(), text, sizeof text, 0) == 5 && std::memcmp(text, "1000\n", 5) == 0;
  return is_set ? ok() : fail(Step::oom_score, 0);
}

SetupError enter_scratch() {
  PYEXEC_TRY(check(::chdir(kTmpDirectory), Step::working_directory));
  char now[8];
  if (::getcwd(now, sizeof now) == nullptr || std::strcmp(now, kTmpDirectory) != 0)
    return fail(Step::working_directory, 0);
  ::umask(0022);
  return ok();
}

// The kernel says of each descriptor that is closed that it polls in vain.
SetupError verify_closed_beyond(int last) {
  constexpr int kChecked = 256;  // the zygote holds about ten
  std::array<pollfd, 16> some;   // at a time: no more than may be open
  for (int first = last + 1; first < kChecked; first += static_cast<int>(some.size())) {
    for (std::size_t i = 0; i < some.size(); ++i) some[i] = {first + static_cast<int>(i), 0, 0};
    PYEXEC_TRY(check(::poll(some.data(), some.size(), 0), Step::descriptors, 5));
    for (const pollfd& one : some)
      if (one.revents != POLLNVAL)
        return fail(Step::descriptors, 0, static_cast<std::uint32_t>(one.fd));
  }
  return ok();
}

// Called after the namespaces are joined: /dev/null must be the jail's own.
SetupError place_descriptors(const JailEntry& entry) {
  const int high_stdout = ::fcntl(entry.stdout_fd, F_DUPFD_CLOEXEC, 64);
  const int high_stderr = ::fcntl(entry.stderr_fd, F_DUPFD_CLOEXEC, 64);
  const int high_job = ::fcntl(entry.job_fd, F_DUPFD_CLOEXEC, 64);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  PYEXEC_TRY(check(::dup2(null, STDIN_FILENO), Step::descriptors, 0));
  PYEXEC_TRY(check(::dup2(high_stderr, kStderrFd), Step::descriptors, 1));
  PYEXEC_TRY(check(::dup2(high_stdout, kStdoutFd), Step::descriptors, 2));
  PYEXEC_TRY(check(::dup3(high_job, kJobFd, O_CLOEXEC), Step::descriptors, 3));
  PYEXEC_TRY(check(sys::close_range(kJobFd + 1, ~0u), Step::descriptors, 4));
  return verify_closed_beyond(kJobFd);
}

// Undoes the zygote's signal mask and its SIGCHLD handler.
SetupError reset_signals() {
  PYEXEC_TRY(check(::signal(SIGCHLD, SIG_DFL) == SIG_ERR ? -1 : 0, Step::session, 2));
  sigset_t none;
  ::sigemptyset(&none);
  return check(::sigprocmask(SIG_SETMASK, &none, nullptr), Step::session, 1);
}

// Tries, with the job's rights, to write outside the scratch directories; fails if a write
// succeeds.
SetupError verify_unwritable() {
  const char* const paths[] = {"/pyexec-must-fail", "/etc/pyexec-must-fail",
                               "/usr/lib/pyexec-must-fail", "/dev/pyexec-must-fail"};
  for (std::uint32_t i = 0; i < std::size(paths); ++i) {
    const UniqueFd file(::open(paths[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file) ::unlink(paths[i]);
    if (file || (errno != EACCES && errno != EROFS && errno != ENOENT))
      return fail(Step::verify, file ? 0 : errno, 10 + i);
  }
  return ok();
}

// Drops the bounding set so that capabilities cannot be regained. Needs CAP_SETPCAP, which a
// worker that shares the service's uid does not have; without capabilities and with no_new_privs
// it gains nothing from the set.
SetupError close_the_bounding_set(const Plan& plan) {
  return plan.users == Users::shared ? ok() : drop_bounding_set(Step::capabilities);
}

SetupError take_identity(const JailEntry& entry) {
  switch (entry.plan.users) {
    case Users::two_mapped:
      return become(entry.plan.job_uid(), Step::identity);
    case Users::one_mapped:
      return stay(entry.plan.job_uid(), Step::identity);
    case Users::own_host:
      return become(entry.plan.host_job_uid(entry.worker_id), Step::identity);
    case Users::shared:
      return stay(::geteuid(), Step::identity);
  }
  return fail(Step::identity, EINVAL);
}

// Without an init, the worker dies with the zygote; in a slot, it dies with the slot process,
// which alone can tell how the worker ended. Called after the ids change, which would clear the
// setting.
SetupError die_with_the_forker(const Plan& plan) {
  if (plan.namespaces() && plan.cgroup == Cgroup::none) return ok();
  return die_with_parent(Step::parent_death);
}

SetupError close_the_file_system(const JailEntry& entry) {
  const Plan& plan = entry.plan;
  if (plan.root == Root::landlock)
    return restrict_host_tree({scratch_of(plan, entry.worker_id).text, plan.packages.data()},
                              plan.landlock_abi);
  const bool owns_the_image = plan.root == Root::image && plan.users == Users::one_mapped;
  return owns_the_image && plan.landlock_abi > 0 ? restrict_image(plan.landlock_abi) : ok();
}

// The job can read the packages, and write nothing there.
SetupError verify_packages(const Plan& plan) {
  constexpr std::uint32_t kIndex = 40;
  const char* const packages = plan.packages.data();
  if (packages[0] == '\0') return ok();
  const UniqueFd opened(::open(packages, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return fail(Step::verify, errno, kIndex);
  constexpr const char* kName = "pyexec-must-fail";
  const UniqueFd file(::openat(opened.get(), kName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file) ::unlinkat(opened.get(), kName, 0);
  const bool was_refused = !file && (errno == EACCES || errno == EROFS || errno == EPERM);
  return was_refused ? ok() : fail(Step::verify, file ? 0 : errno, kIndex + 1);
}

SetupError filter_system_calls(const JailEntry& entry) {
  std::array<sock_filter, BPF_MAXINSNS> program;
  if (entry.filter.size() > program.size()) return fail(Step::seccomp, EINVAL);
  std::copy(entry.filter.begin(), entry.filter.end(), program.begin());
  const std::span used(program.data(), entry.filter.size());
  insert_own_pid(used, static_cast<std::uint32_t>(::getpid()));
  return install_filter(used, Refused::socket);
}

// The worker is the first process in the pid namespace after its init, which is pid 1.
SetupError join_namespaces(const JailEntry& entry) {
  if (entry.plan.builder == Builder::setns) {
    const NamespaceView view;
    PYEXEC_TRY(join_jail(entry.init_pidfd));
    PYEXEC_TRY(view.verify_all_changed(NamespaceView::Hidden::refused));
  }
  return !entry.plan.namespaces() || ::getpid() == 2 ? ok() : fail(Step::join_namespaces, 0, 6);
}

// Jails without files of their own look names up in the same mounts as all others.
SetupError forget_last_job(const JailEntry& entry) {
  return entry.was_used && entry.plan.files == Files::own ? forget_names(entry.plan) : ok();
}

SetupError change_root(const Plan& plan) {
  if (plan.root != Root::chroot || plan.namespaces()) return ok();
  return enter_prepared_root();
}

}  // namespace

SetupError enter_jail(const JailEntry& entry) {
  const Plan& plan = entry.plan;
  PYEXEC_TRY(check(::setsid(), Step::session));
  if (::getsid(0) != ::getpid()) return fail(Step::session, 0, 3);
  // Called while the host's /proc is in reach. In an unshare jail the worker inherits the setting
  // from its ancestors.
  if (plan.builder != Builder::unshare) PYEXEC_TRY(volunteer_for_oom_kill(plan));
  PYEXEC_TRY(reset_signals());
  PYEXEC_TRY(join_namespaces(entry));
  PYEXEC_TRY(change_root(plan));
  PYEXEC_TRY(enter_scratch());
  PYEXEC_TRY(place_descriptors(entry));
  PYEXEC_TRY(apply_rlimits(plan, entry.limits));
  PYEXEC_TRY(close_the_bounding_set(plan));  // before CAP_SETPCAP is dropped
  PYEXEC_TRY(forget_last_job(entry));
  PYEXEC_TRY(take_identity(entry));
  PYEXEC_TRY(keep_capabilities(0, Step::capabilities));
  PYEXEC_TRY(forbid_tracing());  // after the ids change, which resets it
  PYEXEC_TRY(die_with_the_forker(plan));
  PYEXEC_TRY(forbid_new_privileges(Step::no_new_privileges));
  PYEXEC_TRY(close_the_file_system(entry));  // needs no_new_privs
  PYEXEC_TRY(verify_unwritable());
  PYEXEC_TRY(verify_packages(plan));
  if (plan.reuse == Reuse::if_untouched && plan.namespaces()) PYEXEC_TRY(settle_traces());
  return filter_system_calls(entry);  // last: the steps above need what it refuses
}

}  // namespace pyexec::sandbox
