// Runs in the process to be filtered.
#include "sandbox/layers/seccomp.h"

#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/base/sys.h"

namespace pyexec::sandbox {

namespace {

int try_refused(Refused refused) {
  // Process 0 cannot be traced: without a filter this fails with ESRCH.
  if (refused == Refused::ptrace) return static_cast<int>(::ptrace(PTRACE_DETACH, 0, 0, 0));
  return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

}  // namespace

SetupError install_filter(std::span<const sock_filter> program, Refused refused) {
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             const_cast<sock_filter*>(program.data())};
  PYEXEC_TRY(check(sys::install_seccomp(&filter), Step::seccomp));
  if (sys::seccomp_mode() != 2) return fail(Step::seccomp, 0, 1);
  const int result = try_refused(refused);
  if (result != -1 || errno != EPERM) return fail(Step::seccomp, result == -1 ? errno : 0, 2);
  return ok();
}

}  // namespace pyexec::sandbox
