#include "sandbox/layers/namespaces.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {
namespace {

SetupError write_map(int proc, const char* path, const char* map) {
  UniqueFd file(::openat(proc, path, O_WRONLY | O_CLOEXEC));
  if (!file) return fail(Step::id_maps, errno);
  const auto size = static_cast<ssize_t>(std::strlen(map));
  return ::write(file.get(), map, static_cast<std::size_t>(size)) == size
             ? ok()
             : fail(Step::id_maps, errno);
}

// Returns the process's pid as shown by `proc`.
pid_t pid_of(int proc, int pidfd) {
  char path[64], text[512];
  std::snprintf(path, sizeof path, "self/fdinfo/%d", pidfd);
  const UniqueFd file(::openat(proc, path, O_RDONLY | O_CLOEXEC));
  if (!file) return -1;
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size <= 0) return -1;
  text[size] = '\0';
  const char* line = std::strstr(text, "Pid:");
  return line == nullptr ? -1 : static_cast<pid_t>(std::strtol(line + 4, nullptr, 10));
}

constexpr std::array<const char*, 5> kNames = {"user", "mnt", "net", "ipc", "uts"};

ino_t namespace_id(int directory, const char* name) {
  struct stat state = {};
  return ::fstatat(directory, name, &state, 0) == 0 ? state.st_ino : 0;
}

}  // namespace

NamespaceView::NamespaceView()
    : directory_(::open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    before_[i] = namespace_id(directory_.get(), kNames[i]);
}

SetupError NamespaceView::verify_all_changed(Hidden hidden) const {
  for (std::uint32_t i = 0; i < kNames.size(); ++i) {
    if (before_[i] == 0 && hidden == Hidden::passed_over) continue;
    const ino_t now = namespace_id(directory_.get(), kNames[i]);
    if (before_[i] == 0 || now == 0 || now == before_[i])
      return fail(Step::join_namespaces, 0, 1 + i);
  }
  return ok();
}

SetupError write_id_maps(const Plan& plan, int proc, int pidfd, std::uint32_t worker_id) {
  const pid_t pid = pid_of(proc, pidfd);
  if (pid <= 0) return fail(Step::id_maps, errno, 1);
  char path[64], map[128];
  if (plan.users == Users::two_mapped)
    std::snprintf(map, sizeof map, "%u %u 1\n%u %u 1\n", plan.init_uid(), plan.host_init_uid(),
                  plan.job_uid(), plan.host_job_uid(worker_id));
  else
    std::snprintf(map, sizeof map, "%u %u 1\n", plan.job_uid(), ::geteuid());
  std::snprintf(path, sizeof path, "%d/uid_map", pid);
  PYEXEC_TRY(write_map(proc, path, map));
  std::snprintf(path, sizeof path, "%d/gid_map", pid);
  return write_map(proc, path, map);
}

SetupError join_jail(int init_pidfd) {
  return check(sys::join_namespaces(init_pidfd, kNamespaces & ~CLONE_NEWPID),
               Step::join_namespaces);
}

}  // namespace pyexec::sandbox
