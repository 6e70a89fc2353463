// Runs in the jailed worker.
#include "sandbox/seccomp.h"

#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/base/sys.h"

namespace pyexec::sandbox {

SetupError install_filter(std::span<const sock_filter> program) {
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             const_cast<sock_filter*>(program.data())};
  PYEXEC_TRY(check(sys::install_seccomp(&filter), Step::seccomp));
  if (sys::seccomp_mode() != 2) return fail(Step::seccomp, 0, 1);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd != -1 || errno != EPERM) return fail(Step::seccomp, fd == -1 ? errno : 0, 2);
  return ok();
}

}  // namespace pyexec::sandbox
