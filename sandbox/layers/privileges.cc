// Runs in the jail's init and in the jailed worker.
#include "sandbox/layers/privileges.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox/base/sys.h"

namespace pyexec::sandbox {

namespace {

SetupError stay_in(uid_t uid, gid_t gid, Step step) {
  uid_t real, effective, saved;
  gid_t real_group, effective_group, saved_group;
  PYEXEC_TRY(check(::getresuid(&real, &effective, &saved), step));
  PYEXEC_TRY(check(::getresgid(&real_group, &effective_group, &saved_group), step));
  const bool changed = real == uid && effective == uid && saved == uid && real_group == gid &&
                       effective_group == gid && saved_group == gid;
  return changed ? ok() : fail(step, 0);
}

}  // namespace

SetupError become(uid_t uid, Step step) {
  const gid_t gid = uid;
  PYEXEC_TRY(check(::setgroups(0, nullptr), step));
  PYEXEC_TRY(check(::setresgid(gid, gid, gid), step));
  PYEXEC_TRY(check(::setresuid(uid, uid, uid), step));
  return ::getgroups(0, nullptr) == 0 ? stay_in(uid, gid, step) : fail(step, 0);
}

SetupError stay(uid_t uid, Step step) {
  return stay_in(uid, ::getegid(), step);
}
SetupError drop_bounding_set(Step step) {
  const int last = sys::last_capability();
  if (last == -1) return fail(step, errno, 100);
  for (int capability = 0; capability <= last; ++capability)
    PYEXEC_TRY(check(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), step,
                     static_cast<std::uint32_t>(capability)));
  for (int capability = 0; capability <= last; ++capability)
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0)
      return fail(step, 0, static_cast<std::uint32_t>(capability));
  return ok();
}

SetupError keep_capabilities(std::uint64_t kept, Step step) {
  // EINVAL means a kernel without ambient capabilities (gVisor), which has none to clear.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
    return fail(step, errno);
  PYEXEC_TRY(check(sys::set_capabilities(kept), step));
  sys::Capabilities left;
  PYEXEC_TRY(check(sys::get_capabilities(&left), step));
  const bool changed = left.effective == kept && left.permitted == kept && left.inheritable == 0;
  return changed ? ok() : fail(step, 0);
}

SetupError forbid_tracing() {
  PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), Step::dumpable));
  return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? ok() : fail(Step::dumpable, 0);
}

SetupError forbid_new_privileges(Step step) {
  PYEXEC_TRY(check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), step));
  return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? ok() : fail(step, 0);
}

SetupError die_with_parent(Step step) {
  PYEXEC_TRY(check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), step));
  int signal = 0;
  PYEXEC_TRY(check(::prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0), step));
  return signal == SIGKILL ? ok() : fail(step, 0);
}

}  // namespace pyexec::sandbox
