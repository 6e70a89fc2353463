// Runs in the jailed worker.
#include "sandbox/jail.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <iterator>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/namespaces.h"
#include "sandbox/privileges.h"
#include "sandbox/root_image.h"
#include "sandbox/seccomp.h"

namespace pyexec::sandbox {
namespace {

// Out of memory, the kernel takes a worker before the zygote or the server.
SetupError volunteer_for_oom_kill() {
  UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!file) return fail(Step::oom_score, errno);
  return ::write(file.get(), "1000", 4) == 4 ? ok() : fail(Step::oom_score, errno);
}

SetupError enter_scratch() {
  PYEXEC_TRY(check(::chdir(kTmpDirectory), Step::working_directory));
  ::umask(0022);
  return ok();
}

// /dev/null is the jail's own: this comes after the namespaces.
SetupError place_descriptors(int stdout_fd, int job_fd) {
  const int high_stdout = ::fcntl(stdout_fd, F_DUPFD_CLOEXEC, 64);
  const int high_job = ::fcntl(job_fd, F_DUPFD_CLOEXEC, 64);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  PYEXEC_TRY(check(::dup2(null, STDIN_FILENO), Step::descriptors, 0));
  PYEXEC_TRY(check(::dup2(null, STDERR_FILENO), Step::descriptors, 1));
  PYEXEC_TRY(check(::dup2(high_stdout, kStdoutFd), Step::descriptors, 2));
  PYEXEC_TRY(check(::dup3(high_job, kJobFd, O_CLOEXEC), Step::descriptors, 3));
  PYEXEC_TRY(check(sys::close_range(kJobFd + 1, ~0u), Step::descriptors, 4));
  constexpr int kCheckedFds = 256;  // the zygote holds about ten
  for (int fd = kJobFd + 1; fd < kCheckedFds; ++fd)
    if (::fcntl(fd, F_GETFD) != -1)
      return fail(Step::descriptors, 0, static_cast<std::uint32_t>(fd));
  return ok();
}

// The zygote blocks and handles signals that are its own business.
SetupError reset_signals() {
  PYEXEC_TRY(check(::signal(SIGCHLD, SIG_DFL) == SIG_ERR ? -1 : 0, Step::session, 2));
  sigset_t none;
  ::sigemptyset(&none);
  return check(::sigprocmask(SIG_SETMASK, &none, nullptr), Step::session, 1);
}

// By trying, as the job: nothing outside the scratch directories takes a write.
SetupError verify_unwritable() {
  const char* const paths[] = {"/", "/etc", "/usr/lib", "/dev"};
  for (std::uint32_t i = 0; i < std::size(paths); ++i)
    if (::access(paths[i], W_OK) != -1 || (errno != EACCES && errno != EROFS))
      return fail(Step::verify, errno, 10 + i);
  return ok();
}

}  // namespace

SetupError enter_jail(const JailEntry& entry) {
  PYEXEC_TRY(check(::setsid(), Step::session));
  PYEXEC_TRY(reset_signals());
  PYEXEC_TRY(volunteer_for_oom_kill());  // while the host's /proc is in reach
  PYEXEC_TRY(join_jail(entry.init_pidfd));
  PYEXEC_TRY(enter_scratch());
  PYEXEC_TRY(place_descriptors(entry.stdout_fd, entry.job_fd));
  PYEXEC_TRY(apply_rlimits(entry.limits));
  PYEXEC_TRY(
      drop_bounding_set(Step::capabilities));  // needs CAP_SETPCAP, so before the rest is gone
  PYEXEC_TRY(become(kJobUid, Step::identity));
  PYEXEC_TRY(keep_capabilities(0, Step::capabilities));
  PYEXEC_TRY(verify_unwritable());
  PYEXEC_TRY(forbid_tracing());  // changing ids reset it
  PYEXEC_TRY(forbid_new_privileges(Step::no_new_privileges));
  return install_filter(entry.filter);  // last: the steps above need what it refuses
}

}  // namespace pyexec::sandbox
