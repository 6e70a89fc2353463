// What each kind of jail allows, and what a weaker one takes away.
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/policy_verdicts.h"

namespace pyexec::sandbox {
namespace {

using namespace pyexec::test;
using Test = Condition::Test;

constexpr std::uint32_t kLargestPid = 1 << 22;  // PID_MAX_LIMIT
constexpr std::uint64_t kThread = 0x3d0f00;     // what pthread_create says, by clone

TEST_CASE("tests by difference and by any bit follow the low half alone", "[policy_kinds]") {
  const Alternative both = {Condition{0, Test::differs, 7}, Condition{1, Test::any_bit_of, 6}};
  const Policy policy = {kArchitecture, {{{SYS_read}, {both}, EPERM, "a"}}, ENOSYS};
  Verdicts verdicts(policy);
  CHECK(verdicts.allows(SYS_read, {0, 2}));
  CHECK(verdicts.allows(SYS_read, {8, 4 | kHigh}));
  CHECK(verdicts.allows(SYS_read, {6 | kHigh, ~std::uint64_t{0}}));
  CHECK(verdicts(SYS_read, {7, 2}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_read, {7 | kHigh, 2}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_read, {0, 0}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_read, {0, 1 | 8}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_read, {0, 6 * kHigh}) == error_verdict(EPERM));
  Verdicts as_only_row({kArchitecture, {{{SYS_read}, {{both[0]}, {both[1]}}, EPERM, "a"}}, ENOSYS});
  CHECK(as_only_row.allows(SYS_read, {7, 2}));
  CHECK(as_only_row.allows(SYS_read, {0, 0}));
  CHECK(as_only_row(SYS_read, {7, 0}) == error_verdict(EPERM));
}

TEST_CASE("without namespaces a job makes threads and no process", "[policy_kinds]") {
  for (const Policy& policy : {supervised(), shared()}) {
    Verdicts verdicts(policy);
    CHECK(verdicts.allows(SYS_clone, {kThread}));
    CHECK(verdicts.allows(SYS_clone, {kThread | kHigh}));
    for (const std::uint64_t flags :
         {std::uint64_t{SIGCHLD}, std::uint64_t{0}, std::uint64_t{CLONE_VM | CLONE_VFORK | SIGCHLD},
          kThread & ~std::uint64_t{CLONE_THREAD}, kThread & ~std::uint64_t{CLONE_VM},
          kThread & ~std::uint64_t{CLONE_SIGHAND}, kThread & ~std::uint64_t{CLONE_FS},
          kThread & ~std::uint64_t{CLONE_FILES}, kThread << 32})
      CHECK(verdicts(SYS_clone, {flags}) == error_verdict(EPERM));
    for (const std::uint64_t flag :
         {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
          CLONE_NEWCGROUP, CLONE_PARENT, CLONE_PTRACE, CLONE_UNTRACED, CLONE_PIDFD, CLONE_VFORK})
      CHECK(verdicts(SYS_clone, {kThread | flag}) == error_verdict(EPERM));
    CHECK(verdicts(SYS_clone3, {}) == error_verdict(ENOSYS));
    for (const int number : {SYS_execve, SYS_setsid, SYS_setpgid})
      CHECK(verdicts(number, {}) == error_verdict(EPERM));
    CHECK(verdicts(SYS_execveat, {}) == error_verdict(ENOSYS));
#if defined(__x86_64__)
    CHECK(verdicts(SYS_fork, {}) == error_verdict(EPERM));
    CHECK(verdicts(SYS_vfork, {}) == error_verdict(EPERM));
#endif
  }
}

TEST_CASE("without namespaces a job names no process but itself", "[policy_kinds]") {
  for (const Policy& policy : {supervised(), shared()}) {
    Verdicts verdicts(policy);
    for (const int number : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo}) {
      CHECK(verdicts.allows(number, {kOwn}));
      CHECK(verdicts.allows(number, {kOwn | kHigh}));
      for (const std::uint64_t pid :
           {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{kOwn} - 1, std::uint64_t{kOwn} + 1,
            kHigh - 1, ~std::uint64_t{0}, kHigh - kOwn, ~std::uint64_t{kOwn} + 1,
            std::uint64_t{kOwnPid}, std::uint64_t{kOwn} << 32})
        CHECK(verdicts(number, {pid}) == error_verdict(EPERM));
    }
    CHECK(verdicts(SYS_tkill, {kOwn}) == error_verdict(EPERM));
    for (const int number : {SYS_pidfd_open, SYS_pidfd_send_signal})
      CHECK(verdicts(number, {kOwn}) == error_verdict(ENOSYS));
    CHECK_FALSE(verdicts.allows(SYS_pidfd_getfd, {}));
    for (const int number : {SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
                             SYS_getpgid, SYS_getsid}) {
      CHECK(verdicts.allows(number, {0}));
      CHECK(verdicts(number, {1}) == error_verdict(EPERM));
    }
    CHECK_FALSE(verdicts.allows(SYS_capget, {}));
    CHECK_FALSE(verdicts.allows(SYS_prctl, {PR_SET_PDEATHSIG, 0}));
    CHECK(verdicts.allows(SYS_prctl, {PR_SET_NAME}));
  }
}

TEST_CASE("until it knows its process, a program for one process lets nobody be signalled",
          "[policy_kinds]") {
  for (const Policy& policy : {supervised(), shared()}) {
    BpfEvaluator evaluator(compile(policy));
    for (const int number : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo})
      for (std::uint32_t pid = 0; pid <= kLargestPid; pid += pid < 70'000 ? 1 : 997)
        for (const std::uint64_t argument :
             {std::uint64_t{pid}, std::uint64_t{std::uint32_t{0} - pid}})
          if (evaluator.run(call(number, {argument})) != error_verdict(EPERM))
            FAIL("call " << number << " with " << argument);
  }
}

TEST_CASE("the placeholder for the own process stands for nothing else", "[policy_kinds]") {
  CHECK(kOwnPid > kLargestPid);
  CHECK(kOwnPid < 0x80000000u);  // nor a group
  for (const NamedPolicy& named : every_policy()) {
    INFO(named.name);
    std::size_t wanted = 0;
    for (const SyscallRule& rule : named.policy.rules)
      for (const Alternative& alternative : rule.allowed_if)
        for (const Condition& condition : alternative) {
          if (condition.value != kOwnPid) continue;
          CHECK(condition.test == Test::equals);
          CHECK(condition.argument == 0);
          wanted += rule.numbers.size();
        }
    auto program = compile(named.policy);
    std::size_t there = 0;
    for (const sock_filter& instruction : program) there += instruction.k == kOwnPid;
    CHECK(there == wanted);
    const auto before = program;
    insert_own_pid(program, kOwn);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < program.size(); ++i)
      changed += std::memcmp(&program[i], &before[i], sizeof program[i]) != 0;
    CHECK(changed == wanted);
  }
  CHECK(compile(supervised()).size() != compile(python_policy()).size());
}

TEST_CASE("where the uid is the service's own, the attributes of files are out of reach",
          "[policy_kinds]") {
  Verdicts own(supervised()), service(shared());
  std::vector<int> numbers = {SYS_fchmod, SYS_fchmodat, kSysFchmodat2};
#if defined(__x86_64__)
  numbers.push_back(SYS_chmod);
#endif
  for (const int number : numbers) {
    CHECK(own.allows(number, {}));
    CHECK(service(number, {}) == error_verdict(EPERM));
    CHECK(service(number, {~std::uint64_t{0}}) == error_verdict(EPERM));
  }
}

TEST_CASE("a file's times can be set only where it is the job's own", "[policy_kinds]") {
  std::vector<int> numbers = {SYS_utimensat};
#if defined(__x86_64__)
  numbers.insert(numbers.end(), {SYS_utime, SYS_utimes, SYS_futimesat});
#endif
  for (const int number : numbers) {
    CHECK(Verdicts(with_setns()).allows(number, {}));
    CHECK(Verdicts(one_uid()).allows(number, {}));
    for (const Policy& policy : {supervised(), shared()})
      CHECK(Verdicts(policy)(number, {}) == error_verdict(EPERM));
  }
}

TEST_CASE("only where no other job has the same files can they be locked", "[policy_kinds]") {
  Verdicts own(with_setns());
  CHECK(own.allows(SYS_flock, {0, 2}));
  for (const std::uint64_t command :
       {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW}) {
    CHECK(own.allows(SYS_fcntl, {0, command}));
    for (const Policy& policy :
         {with_setns_over_shared_files(), one_uid(), supervised(), shared()}) {
      Verdicts verdicts(policy);
      CHECK(verdicts(SYS_fcntl, {0, command}) == error_verdict(ENOLCK));
      CHECK(verdicts(SYS_flock, {0, 2}) == error_verdict(ENOSYS));
      CHECK(verdicts.allows(SYS_fcntl, {0, F_GETFL}));
    }
  }
  CHECK(own(SYS_fcntl, {0, F_SETLEASE}) == error_verdict(EINVAL));
}

TEST_CASE("without namespaces a clock and a futex are one's own", "[policy_kinds]") {
  constexpr std::uint64_t kOfPid1 = ~std::uint64_t{1} << 3 | 2,
                          kOfOwnPid0 = ~std::uint64_t{0} << 3 | 2;
  for (const Policy& policy : {supervised(), shared()}) {
    Verdicts verdicts(policy);
    for (const int number :
         {SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_timer_create}) {
      for (const std::uint64_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                        CLOCK_THREAD_CPUTIME_ID, CLOCK_BOOTTIME})
        CHECK(verdicts.allows(number, {clock}));
      for (const std::uint64_t clock : {kOfPid1, kOfPid1 | 4, kOfOwnPid0, kHigh - 1})
        CHECK(verdicts(number, {clock}) == error_verdict(EINVAL));
      CHECK(Verdicts(with_setns()).allows(number, {kOfPid1}));
    }
    for (const std::uint64_t operation : {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
                                          FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET}) {
      CHECK(verdicts.allows(SYS_futex, {0, operation | FUTEX_PRIVATE_FLAG}));
      CHECK(verdicts(SYS_futex, {0, operation}) == error_verdict(EAGAIN));
      CHECK(Verdicts(with_setns()).allows(SYS_futex, {0, operation}));
    }
    for (const std::uint64_t operation : {FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI,
                                          FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI})
      CHECK_FALSE(verdicts.allows(SYS_futex, {0, operation | FUTEX_PRIVATE_FLAG}));
  }
}

TEST_CASE("where the kernel shares the processor out by sessions, a job has one",
          "[policy_kinds]") {
  Plan plan = candidates().front().plan;
  CHECK(Verdicts(policy_for(plan)).allows(SYS_setsid, {}));
  plan.sessions = Sessions::one;
  CHECK(Verdicts(policy_for(plan))(SYS_setsid, {}) == error_verdict(EPERM));
}

TEST_CASE("where init and job share a uid, the init cannot be named", "[policy_kinds]") {
  Verdicts verdicts(one_uid());
  for (const int number : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_tkill}) {
    CHECK(verdicts.allows(number, {2, SIGTERM}));
    CHECK(verdicts.allows(number, {kHigh | 2, SIGTERM}));
    CHECK(verdicts(number, {1, SIGKILL}) == error_verdict(EPERM));
    CHECK(verdicts(number, {kHigh | 1, SIGKILL}) == error_verdict(EPERM));
  }
  CHECK(verdicts(SYS_kill, {kHigh - 1}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_kill, {~std::uint64_t{0}}) == error_verdict(EPERM));
}

// Every call and argument at which either could change its mind.
void check_weaker_allows_no_more(const Policy& stronger, const Policy& weaker) {
  const Model strong(with_own_pid(stronger, kOwn)), weak(with_own_pid(weaker, kOwn));
  Policy together = strong.policy();
  together.rules.insert(together.rules.end(), weak.policy().rules.begin(),
                        weak.policy().rules.end());
  const auto check = [&](const seccomp_data& data) {
    if (weak.allows(data) && !strong.allows(data))
      FAIL("call " << data.nr << " with " << data.args[0] << ", " << data.args[1] << ", "
                   << data.args[2]);
  };
  for (const std::uint64_t value : interesting_arguments(together))
    for (int number = 0; number < kNumbers; ++number) check(call_with_all(number, value));
  for (const SyscallRule& rule : together.rules) {
    const auto values = interesting_arguments(rule);
    if (is_conditional(rule))
      for (const int number : rule.numbers)
        for (const std::uint64_t first : values)
          for (const std::uint64_t second : values)
            for (const std::uint64_t third : {first, second, std::uint64_t{0}})
              check(call(number, {first, second, third, first, second, 0}));
  }
}

TEST_CASE("a weaker level allows nothing that a stronger one refuses", "[policy_kinds]") {
  check_weaker_allows_no_more(with_setns(), with_setns_over_shared_files());
  check_weaker_allows_no_more(with_setns_over_shared_files(), one_uid());
  check_weaker_allows_no_more(one_uid(), supervised());
  check_weaker_allows_no_more(supervised(), shared());
}

TEST_CASE("in a session only a new cell begins a process group", "[policy_kinds]") {
  Plan plan = {};
  plan.builder = Builder::setns;
  Verdicts of_jobs(policy_for(plan));
  CHECK(of_jobs.allows(SYS_setsid, {}));
  CHECK(of_jobs.allows(SYS_setpgid, {5, 6}));
  plan.tenant = Tenant::session;
  Verdicts verdicts(policy_for(plan));
  CHECK(verdicts.allows(SYS_setpgid, {0, 0, kNewGroupWord}));
  for (const auto& [pid, group, word] : {std::array{0u, 0u, 0u}, std::array{1u, 0u, kNewGroupWord},
                                         std::array{0u, 1u, kNewGroupWord}})
    CHECK(verdicts(SYS_setpgid, {pid, group, word}) == error_verdict(EPERM));
  CHECK(verdicts(SYS_setsid, {}) == error_verdict(EPERM));
  CHECK(verdicts.allows(SYS_kill, {5, 9}));
}

TEST_CASE("in a session nobody signals the process that others are forked from, nor the init",
          "[policy_kinds]") {
  Plan plan = {};
  plan.builder = Builder::setns;
  Verdicts of_jobs(policy_for(plan));
  plan.tenant = Tenant::session;
  Verdicts verdicts(policy_for(plan));
  for (const int call : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_tkill, SYS_pidfd_open})
    for (const std::uint64_t pid :
         {std::uint64_t{1}, std::uint64_t{2}, (std::uint64_t{1} << 32) + 2}) {
      CHECK(verdicts(call, {pid, pid}) == error_verdict(EPERM));
      CHECK(of_jobs.allows(call, {pid, pid}));
    }
  for (const std::uint64_t group : {~std::uint64_t{0}, ~std::uint64_t{1}})
    CHECK(verdicts(SYS_kill, {group, 9}) == error_verdict(EPERM));
  for (const std::uint64_t pid : {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{2}})
    CHECK(verdicts.allows(SYS_kill, {pid, 9}));
  CHECK(verdicts(SYS_openat, {0, 0, O_TMPFILE | O_RDWR}) == error_verdict(EOPNOTSUPP));
}

}  // namespace
}  // namespace pyexec::sandbox
