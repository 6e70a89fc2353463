#include "sandbox/namespaces.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/privileges.h"

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

}  // namespace

SetupError write_id_maps(int proc, pid_t pid, std::uint32_t worker_id) {
  char path[64], map[128];
  std::snprintf(map, sizeof map, "%u %u 1\n%u %u 1\n", kInitUid, kHostInitUid, kJobUid,
                kHostJobUidBase + worker_id % kJobUidCount);
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
