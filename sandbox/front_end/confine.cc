// Runs in the server.
#include "sandbox/front_end/confine.h"

#include <linux/capability.h>

#include "sandbox/base/sys.h"
#include "sandbox/front_end/server_policy.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/seccomp.h"
#include "sandbox/policy/bpf.h"

namespace pyexec::sandbox {

SetupError confine_front_end(uid_t uid) {
  constexpr std::uint64_t kToChangeIds = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP;
  sys::Capabilities has;
  PYEXEC_TRY(check(sys::get_capabilities(&has), Step::capabilities));
  if ((has.effective & kToChangeIds) == kToChangeIds) {
    PYEXEC_TRY(drop_bounding_set(Step::capabilities));
    PYEXEC_TRY(become(uid, Step::identity));
  }
  PYEXEC_TRY(keep_capabilities(0, Step::capabilities));
  PYEXEC_TRY(forbid_tracing());
  PYEXEC_TRY(forbid_new_privileges(Step::no_new_privileges));
  return install_filter(compile(server_policy()), Refused::ptrace);
}

}  // namespace pyexec::sandbox
