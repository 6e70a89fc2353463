// The restrictions added to the table where a job has no pid namespace (levels 2 and 1): the job
// is one process, and the other processes that it could name are not its own. Adds further
// restrictions where the job shares the uid of the service and of other jobs (level 1), and where
// it shares files with other jobs.
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include "sandbox/policy/policy_words.h"
#include "sandbox/policy/python_policy.h"

namespace pyexec::sandbox {
namespace {

std::vector<Alternative> own_process() {
  return {{Condition{0, Test::equals, kOwnPid}}};
}
std::vector<Alternative> oneself() {
  return {{Condition{0, Test::equals, 0}}};
}

constexpr std::uint32_t kForbiddenCloneFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
    CLONE_NEWNET | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED | CLONE_PIDFD | CLONE_VFORK;

constexpr std::uint32_t kUnnamedFile = O_TMPFILE & ~O_DIRECTORY;

// Inserts `rules` and removes their numbers from the existing rules of the policy.
void replace_rules(Policy& policy, std::vector<SyscallRule> rules) {
  for (const SyscallRule& rule : rules)
    for (SyscallRule& old : policy.rules)
      std::erase_if(old.numbers, [&](int number) {
        return std::find(rule.numbers.begin(), rule.numbers.end(), number) != rule.numbers.end();
      });
  std::erase_if(policy.rules, [](const SyscallRule& rule) { return rule.numbers.empty(); });
  policy.rules.insert(policy.rules.begin(), rules.begin(), rules.end());
}

// Allows the clocks of the process and of the machine. The clock of another process or thread has
// a negative number, derived from its pid.
std::vector<Alternative> own_clocks() {
  return if_argument_is(0, {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                            CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                            CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI});
}

std::vector<Alternative> private_futexes() {
  std::vector<Alternative> alternatives;
  for (const unsigned operation : {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
                                   FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET})
    alternatives.push_back({Condition{1, Test::equals, operation | FUTEX_PRIVATE_FLAG}});
  alternatives.push_back(
      {Condition{1, Test::equals, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME}});
  return alternatives;
}

std::vector<SyscallRule> named_file_rules() {
  return {
    {{SYS_openat},
     {{Condition{2, Test::no_bits_of, kUnnamedFile}}},
     EOPNOTSUPP,
     "files without a name leave no trace in a directory, and are in nobody's count of it; "
     "tempfile makes named ones"},
#if defined(__x86_64__)
        {{SYS_open},
         {{Condition{1, Test::no_bits_of, kUnnamedFile}}},
         EOPNOTSUPP,
         "older name of openat"},
#endif
  };
}

std::vector<SyscallRule> one_process_rules() {
  return {
    {{SYS_clone},
     {{Condition{0, Test::any_bit_of, CLONE_THREAD}, Condition{0, Test::any_bit_of, CLONE_VM},
       Condition{0, Test::any_bit_of, CLONE_SIGHAND}, Condition{0, Test::any_bit_of, CLONE_FS},
       Condition{0, Test::any_bit_of, CLONE_FILES},
       Condition{0, Test::no_bits_of, kForbiddenCloneFlags}}},
     EPERM,
     "threads; a process of the job would be nobody's to end"},
        {{SYS_execve, SYS_setsid, SYS_setpgid},
         never(),
         EPERM,
         "a new program needs a process; groups and sessions hold others than the job"},
        {{SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo},
         own_process(),
         EPERM,
         "signals to oneself: raise, abort, threads"},
        {{SYS_tkill}, never(), EPERM, "takes any thread of the host"},
        {{SYS_pidfd_open, SYS_pidfd_send_signal},
         never(),
         ENOSYS,
         "handles of processes that are not the job's"},
        {{SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_getpgid,
          SYS_getsid},
         oneself(),
         EPERM,
         "questions about oneself"},
        {{SYS_capget}, never(), EPERM, "names a process behind a pointer"},
        {{SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_timer_create},
         own_clocks(),
         EINVAL,
         "a clock by its pid is read and armed without a look at whose it is"},
        {{SYS_futex},
         private_futexes(),
         EAGAIN,
         "one that is shared may lie in a file that other jobs map as well, and one that inherits "
         "priority names its owner; glibc's wait for a thread's end looks again on EAGAIN"},
        {{SYS_utimensat},
         never(),
         EPERM,
         "the times of a file that anybody may write can be set by anybody, and Landlock does not "
         "look"},
        {{SYS_prctl},
         own_names_and_state(),
         EPERM,
         "as with namespaces, but for PR_SET_PDEATHSIG: the worker is to die with the zygote"},
#if defined(__x86_64__)
        {{SYS_fork, SYS_vfork}, never(), EPERM, "a process of the job would be nobody's to end"},
        {{SYS_utime, SYS_utimes, SYS_futimesat}, never(), EPERM, "older names of utimensat"},
#endif
  };
}

// Where the init has the job's own uid, only the kernel's protection of an init keeps the job
// from killing it, and gVisor lacks that protection. (The job would end itself: the jail ends
// with its init.)
std::vector<SyscallRule> one_uid_rules() {
  return {
      {{SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo},
       {{Condition{0, Test::differs, 1}, Condition{0, Test::differs, 0xffffffff}}},
       EPERM,
       "signals to all but the init"},
      {{SYS_tkill}, {{Condition{0, Test::differs, 1}}}, EPERM, "signals to all but the init"},
  };
}

std::vector<SyscallRule> unshare_rules() {
  return {{{SYS_sendmsg},
           never(),
           EPERM,
           "gVisor, for which unshare jails are, does not bound descriptors in flight"}};
}

std::vector<SyscallRule> shared_uid_rules() {
  return {
    {{SYS_fchmod, SYS_fchmodat, kSysFchmodat2},
     never(),
     EPERM,
     "Landlock does not refuse these on files of the service's own uid"},
#if defined(__x86_64__)
        {{SYS_chmod},
         never(),
         EPERM,
         "Landlock does not refuse this on files of the service's own uid"},
#endif
  };
}

std::vector<SyscallRule> shared_files_rules() {
  return {
      {{SYS_fcntl},
       if_argument_is(1,
                      {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ}),
       ENOLCK,
       "as with files of its own, but for record locks: on a file that jails share they are a "
       "channel between jobs"},
      {{SYS_flock}, never(), ENOSYS, "the same"},
  };
}

std::vector<SyscallRule> scheduler_rules() {
  return {{{SYS_setsid},
           never(),
           EPERM,
           "each session is a share of the processor (sched(7), autogroup), and a job has one"}};
}

// A session's cell can be ended alone, because all that it starts is one process group.
std::vector<SyscallRule> session_rules() {
  return {{{SYS_setpgid},
           {{Condition{0, Test::equals, 0}, Condition{1, Test::equals, 0},
             Condition{2, Test::equals, kNewGroupWord}}},
           EPERM,
           "only a new cell begins a group (worker/job/fork_state.cc), or a script that means to "
           "leave its own: the end of its session finds it"},
          {{SYS_setsid}, never(), EPERM, "a session of its own is a group of its own"},
          {{SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo},
           {{Condition{0, Test::differs, 1}, Condition{0, Test::differs, 2},
             Condition{0, Test::differs, 0xffffffff}, Condition{0, Test::differs, 0xfffffffe}}},
           EPERM,
           "signals to all but the init and the first process, from which others are forked"},
          {{SYS_tkill, SYS_pidfd_open},
           {{Condition{0, Test::differs, 1}, Condition{0, Test::differs, 2}}},
           EPERM,
           "the same"}};
}

}  // namespace

Policy policy_for(const Plan& plan) {
  Policy policy = python_policy();
  if (plan.files == Files::shared) replace_rules(policy, shared_files_rules());
  if (plan.sessions == Sessions::one) replace_rules(policy, scheduler_rules());
  if (!plan.namespaces()) replace_rules(policy, one_process_rules());
  if (!plan.namespaces() || plan.reuse == Reuse::if_untouched || plan.tenant == Tenant::session)
    replace_rules(policy, named_file_rules());
  if (plan.users == Users::one_mapped) replace_rules(policy, one_uid_rules());
  if (plan.builder == Builder::unshare) replace_rules(policy, unshare_rules());
  if (plan.namespaces() && plan.tenant == Tenant::session) replace_rules(policy, session_rules());
  if (plan.users == Users::shared) replace_rules(policy, shared_uid_rules());
  return policy;
}

void insert_own_pid(std::span<sock_filter> program, std::uint32_t pid) {
  for (sock_filter& instruction : program)
    if (instruction.code == (BPF_JMP | BPF_JEQ | BPF_K) && instruction.k == kOwnPid)
      instruction.k = pid;
}

}  // namespace pyexec::sandbox
