// Runs as pid 1 of a jail.
#include "sandbox/makers/init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "sandbox/base/sys.h"
#include "sandbox/layers/jail_root.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/layers/traces.h"
#include "sandbox/makers/cell_groups.h"
#include "sandbox/makers/kept_jail.h"
#include "sandbox/makers/kill_job.h"

namespace pyexec::sandbox {
namespace {

constexpr char kHostname[] = "pyexec";

SetupError mount_scratch(const Plan& plan, const Limits& limits) {
  struct Scratch {
    const char* path;
    std::uint64_t bytes;
    const char* mode;
  };
  const Scratch rows[] = {
      {kTmpDirectory, limits.tmp_bytes, "0700"},
      {kShmDirectory, limits.shm_bytes, "0700"},  // POSIX semaphores and shared memory
  };
  for (std::uint32_t i = 0; i < std::size(rows); ++i) {
    char options[160];
    std::snprintf(options, sizeof options, "uid=%u,gid=%u,mode=%s,size=%llu,nr_inodes=%llu",
                  plan.job_uid(), plan.job_uid(), rows[i].mode,
                  static_cast<unsigned long long>(rows[i].bytes),
                  static_cast<unsigned long long>(limits.tmp_inodes));
    const bool is_kept = plan.reuse == Reuse::if_untouched || plan.tenant == Tenant::session;
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (is_kept ? +MS_NOATIME : 0);
    int mounted = ::mount("pyexec-scratch", rows[i].path, "tmpfs", flags, options);
    // gVisor has no inode limit, and counts inodes as its own memory.
    const bool counts_inodes = mounted == 0 || plan.builder != Builder::unshare || errno != EINVAL;
    if (!counts_inodes) {
      *std::strstr(options, ",nr_inodes") = '\0';
      mounted = ::mount("pyexec-scratch", rows[i].path, "tmpfs", flags, options);
    }
    PYEXEC_TRY(check(mounted, Step::scratch, i));
    struct statfs state = {};
    PYEXEC_TRY(check(::statfs(rows[i].path, &state), Step::scratch, i));
    const auto page = static_cast<std::uint64_t>(state.f_bsize);
    const bool bounded = state.f_type == TMPFS_MAGIC &&
                         (!counts_inodes || state.f_files == limits.tmp_inodes) &&
                         state.f_blocks * page <= rows[i].bytes + page && state.f_blocks > 0;
    const bool harmless =
        (state.f_flags & ST_NOSUID) && (state.f_flags & ST_NODEV) && (state.f_flags & ST_NOEXEC);
    if (!bounded || !harmless) return fail(Step::scratch, 0, i);
    if (is_kept && (state.f_flags & ST_NOATIME) == 0) return fail(Step::scratch, 1, i);
  }
  return ok();
}

SetupError set_hostname() {
  PYEXEC_TRY(check(::sethostname(kHostname, sizeof kHostname - 1), Step::hostname));
  utsname names = {};
  PYEXEC_TRY(check(::uname(&names), Step::hostname));
  return std::strcmp(names.nodename, kHostname) == 0 ? ok() : fail(Step::hostname, 0);
}

SetupError give_up_rights() {
  PYEXEC_TRY(drop_bounding_set(Step::init_seal));
  PYEXEC_TRY(keep_capabilities(1u << CAP_KILL,
                               Step::init_seal));  // for `kill_job`, in this namespace only
  return forbid_new_privileges(Step::init_seal);
}

SetupError seal(Tenant tenant) {
  PYEXEC_TRY(give_up_rights());
  // Changing ids made this process undumpable. The worker joins through its pidfd, which the
  // kernel permits by the same rule as tracing. The job cannot use that: tracing a process that
  // has capabilities requires one, and the job has none. Where possible, it also has another uid.
  PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), Step::init_seal, 1));
  // The jail must not outlive the jailer. Set after the ids change, which would clear the
  // setting.
  PYEXEC_TRY(die_with_parent(Step::init_seal));
  if (tenant == Tenant::session) return CellGroups::begin();
  // The kernel reaps the job's orphans.
  return check(::signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, Step::init_seal, 3);
}

// An init's only descriptors.
constexpr int kLeash = 0, kJob = 1, kLastPid = 2, kControl = 3;

SetupError keep_only(const InitFds& fds) {
  const int high_leash = ::fcntl(fds.lifeline, F_DUPFD_CLOEXEC, 16);
  const int high_job = ::fcntl(fds.job, F_DUPFD_CLOEXEC, 16);
  PYEXEC_TRY(check(::dup2(high_leash, kLeash), Step::init_seal, 4));
  PYEXEC_TRY(check(::dup2(high_job, kJob), Step::init_seal, 6));
  if (::dup2(fds.last_pid, kLastPid) == -1) ::close(kLastPid);
  if (fds.control == -1) return check(sys::close_range(kLastPid + 1, ~0u), Step::init_seal, 5);
  PYEXEC_TRY(check(::dup2(fds.control, kControl), Step::init_seal, 7));
  return check(sys::close_range(kControl + 1, ~0u), Step::init_seal, 5);
}

// Returns when the server or the job itself ends the job (lifeline.h), or when neither can be
// observed any more. Returns whether its worker had the job socket until then.
bool await_end() {
  pollfd sources[] = {{kLeash, POLLIN, 0}, {kJob, POLLRDHUP, 0}};
  for (;;) {
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) return false;
    // The worker's exit or its script closed the socket, which says nothing about the rest of the
    // job.
    if (sources[1].revents & POLLHUP)
      sources[1].fd = -1;
    else if (sources[1].revents & POLLRDHUP)
      return true;
    char ignored;
    if (sources[0].revents != 0 && ::read(kLeash, &ignored, 1) <= 0) return sources[1].fd != -1;
  }
}

SetupError set_up(const Plan& plan, const Limits& limits) {
  PYEXEC_TRY(check(::setsid(), Step::session));
  PYEXEC_TRY(plan.users == Users::two_mapped ? become(plan.init_uid(), Step::init_identity)
                                             : stay(plan.init_uid(), Step::init_identity));
  if (plan.files == Files::own) PYEXEC_TRY(enter_jail_root(plan));
  PYEXEC_TRY(mount_scratch(plan, limits));
  PYEXEC_TRY(set_hostname());
  return seal(plan.tenant);
}

// Whether the jail is as it was before the job, which is gone.
Verdict judge(bool had_socket, const KilledJob& job, const Traces& traces) {
  if (!had_socket) return Verdict::ended;
  if (!job.was_one_task) return Verdict::processes;
  return traces.are_none() ? Verdict::untouched : Verdict::files;
}

}  // namespace

SetupError set_up_chained_init(const Plan& plan, const Limits& limits) {
  if (plan.root == Root::image) PYEXEC_TRY(mount_scratch(plan, limits));
  return set_hostname();
}

SetupError seal_chained_init(int lifeline, int exits) {
  for (int fd = 0; fd < 1024; ++fd)
    if (fd != lifeline && fd != exits) ::close(fd);
  PYEXEC_TRY(give_up_rights());
  return forbid_tracing();
}

void run_init(const InitFds& fds, const Plan& plan, const Limits& limits) {
  int lifeline = fds.lifeline;
  char maps_written;
  if (!sys::read_all(lifeline, &maps_written, 1)) ::_exit(1);

  SetupError result = set_up(plan, limits);
  Traces traces;
  if (!result.failed() && fds.control != -1) result = traces.note(plan);
  if (!result.failed()) {
    result = keep_only(fds);
    if (!result.failed()) lifeline = kLeash;
  }
  // If the jailer died before PR_SET_PDEATHSIG was set, the send fails because nobody reads.
  if (!sys::send_all(lifeline, &result, sizeof result) || result.failed()) ::_exit(1);

  const Numbering numbering = fds.control == -1 ? Numbering::counted : Numbering::chosen;
  Verdict verdict = Verdict::lost;
  if (plan.tenant == Tenant::session) CellGroups(kLeash, kLastPid).serve();
  if (plan.tenant == Tenant::session) CellGroups::end();
  do {
    const bool had_socket = plan.tenant == Tenant::session || await_end();
    const KilledJob job = kill_job(lifeline, kLastPid, numbering);
    if (fds.control == -1 || !job.is_gone) break;
    verdict = judge(had_socket, job, traces);
    ::close(kJob);
    ::close(kLeash);
    if (!sys::send_all(kControl, &verdict, sizeof verdict)) break;
  } while (verdict == Verdict::untouched && await_next_job(kControl, kLeash, kJob));
  ::_exit(0);  // the namespaces end with it, which takes the kernel longer
}

}  // namespace pyexec::sandbox
