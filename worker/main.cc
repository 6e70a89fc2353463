// pyexec-worker: started by pyexec-server only, never by hand.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "sandbox/base/sys.h"
#include "worker/launcher/launcher.h"
#include "worker/protocol/control.h"

int main() {
  if (::fcntl(pyexec::kControlFd, F_SETFD, FD_CLOEXEC) == -1) {
    std::fputs("pyexec-worker: this program is started by pyexec-server\n", stderr);
    return 2;
  }
  if (pyexec::sys::close_range(pyexec::kControlFd + 1, ~0u) == -1) return 1;
  ::_exit(pyexec::launcher_main());
}
