// Every policy there is: its compiled program against the reference model, and what the weaker
// levels take away.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>

#include "sandbox/policy/bpf.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/catch.h"
#include "tests/support/policy_model.h"

namespace pyexec::sandbox {
namespace {

using namespace pyexec::test;
using Test = Condition::Test;

constexpr int kLargestErrno = 4095;
constexpr std::uint32_t kOwn = 4321;            // the process that installs the filter
constexpr std::uint32_t kLargestPid = 1 << 22;  // PID_MAX_LIMIT
constexpr std::uint64_t kThread = 0x3d0f00;     // what pthread_create says, by clone

std::vector<sock_filter> compile_for(const Policy& policy, std::uint32_t pid) {
  auto program = compile(policy);
  insert_own_pid(program, pid);
  return program;
}

std::vector<std::uint32_t> foreign_architectures() {
  std::vector<std::uint32_t> out = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,    AUDIT_ARCH_AARCH64,
                                    AUDIT_ARCH_ARM,    AUDIT_ARCH_RISCV64, 0,
                                    0xffffffff};
  std::erase(out, kArchitecture);
  return out;
}

// Runs program and model side by side, and remembers where they differ.
class Comparison {
 public:
  explicit Comparison(const Policy& policy)
      : model_(with_own_pid(policy, kOwn)), evaluator_(compile_for(policy, kOwn)) {
    compare_numbers();
    for (const SyscallRule& rule : model_.policy().rules)
      if (is_conditional(rule)) compare_row(rule);
    compare_foreign();
  }

  const BpfEvaluator& evaluator() const { return evaluator_; }
  const std::set<std::uint32_t>& verdicts() const { return verdicts_; }
  std::size_t compared() const { return compared_; }
  std::size_t differences() const { return differences_; }
  const std::string& first_difference() const { return first_; }

 private:
  void compare(const seccomp_data& data) {
    ++compared_;
    const std::uint32_t is = evaluator_.run(data), should_be = model_.verdict(data);
    verdicts_.insert(is);
    if (is != should_be && ++differences_ == 1)
      first_ = "call " + std::to_string(data.nr) + " of architecture " + std::to_string(data.arch) +
               " gives " + std::to_string(is) + ", not " + std::to_string(should_be);
  }
  void compare_numbers() {
    constexpr int kBeyondEveryTable = 512;
    for (const std::uint64_t value : interesting_arguments(model_.policy()))
      for (int number = 0; number < kBeyondEveryTable; ++number)
        compare(call_with_all(number, value));
    for (int number = kBeyondEveryTable; number < kNumbers; ++number)
      for (const std::uint64_t value :
           {std::uint64_t{0}, std::uint64_t{1}, kHigh, ~std::uint64_t{0}})
        compare(call_with_all(number, value));
  }
  // Every pair of interesting values at the arguments that a row can look at.
  void compare_row(const SyscallRule& rule) {
    const auto values = interesting_arguments(rule);
    for (const int number : rule.numbers)
      for (const std::uint64_t first : values)
        for (const std::uint64_t second : values) {
          compare(call(number, {first, second, 0, first, second, 0}));
          compare(call(number, {0, first, second, ~first, ~second, first}));
          compare(call(number, {first, 0, second, second, first, ~first}));
        }
  }
  void compare_foreign() {
    for (int number = 0; number < kNumbers; ++number) {
      for (const std::uint32_t architecture : foreign_architectures())
        for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
          compare(call_with_all(number, value, architecture));
      compare(call(static_cast<int>(kX32 | static_cast<std::uint32_t>(number)), {}));
      compare(call(static_cast<int>(0x80000000u | static_cast<std::uint32_t>(number)), {}));
      compare(call(-1 - number, {}));
    }
    compare(call(static_cast<int>(kX32 - 1), {}));
  }

  Model model_;
  BpfEvaluator evaluator_;
  std::set<std::uint32_t> verdicts_;
  std::size_t compared_ = 0, differences_ = 0;
  std::string first_;
};

const std::vector<NamedPolicy>& policies() {
  static const std::vector<NamedPolicy> all = every_policy();
  return all;
}

const Comparison& sweep(const NamedPolicy& named) {
  static std::map<std::string, std::unique_ptr<Comparison>> done;
  auto& comparison = done[named.name];
  if (!comparison) comparison = std::make_unique<Comparison>(named.policy);
  return *comparison;
}

Policy policy_of(bool namespaces, Users users, Files files = Files::shared) {
  for (const Candidate& candidate : distinct_candidates())
    if (candidate.plan.namespaces() == namespaces && candidate.plan.users == users &&
        candidate.plan.files == files)
      return policy_for(candidate.plan);
  throw std::logic_error("no candidate is of this kind");
}
Policy joined() {
  return policy_of(true, Users::two_mapped, Files::own);
}
Policy joined_over_shared_files() {
  return policy_of(true, Users::two_mapped);
}
Policy one_uid() {
  return policy_of(true, Users::one_mapped);
}
Policy kept() {
  return policy_of(false, Users::own_host);
}
Policy shared() {
  return policy_of(false, Users::shared);
}

// What the program says, for a process that has the number kOwn.
class Verdicts {
 public:
  explicit Verdicts(const Policy& policy) : evaluator_(compile_for(policy, kOwn)) {}
  std::uint32_t operator()(int number, std::initializer_list<std::uint64_t> arguments) {
    return evaluator_.run(call(number, arguments));
  }
  bool allows(int number, std::initializer_list<std::uint64_t> arguments) {
    return (*this)(number, arguments) == SECCOMP_RET_ALLOW;
  }

 private:
  BpfEvaluator evaluator_;
};

TEST_CASE("programs and tables agree on every call and argument", "[policy]") {
  for (const NamedPolicy& named : policies()) {
    INFO(named.name << ": " << sweep(named).first_difference());
    CHECK(sweep(named).differences() == 0);
    CHECK(sweep(named).compared() > 50'000);
  }
}

TEST_CASE("every instruction of every program is used", "[policy]") {
  for (const NamedPolicy& named : policies()) {
    INFO(named.name);
    CHECK(sweep(named).evaluator().never_executed() == std::vector<std::size_t>{});
  }
}

TEST_CASE("every verdict is to allow, to refuse with an errno, or to kill the process",
          "[policy]") {
  for (const NamedPolicy& named : policies())
    for (const std::uint32_t is : sweep(named).verdicts()) {
      CAPTURE(named.name, is);
      const bool refusal = (is & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                           (is & SECCOMP_RET_DATA) >= 1 && (is & SECCOMP_RET_DATA) <= kLargestErrno;
      CHECK((is == SECCOMP_RET_ALLOW || is == SECCOMP_RET_KILL_PROCESS || refusal));
    }
}

TEST_CASE("every program fits the kernel, and returns no errno of 0", "[policy]") {
  for (const NamedPolicy& named : policies()) {
    INFO(named.name);
    const auto program = compile(named.policy);
    CHECK(program.size() <= BPF_MAXINSNS);
    for (const sock_filter& instruction : program)
      if (instruction.code == (BPF_RET | BPF_K)) CHECK(instruction.k != SECCOMP_RET_ERRNO);
  }
}

TEST_CASE("every row has a reason, numbers, an errno, and conditions that can be met", "[policy]") {
  for (const NamedPolicy& named : policies())
    for (const SyscallRule& rule : named.policy.rules) {
      REQUIRE(rule.reason != nullptr);
      CAPTURE(named.name, rule.reason);
      CHECK(std::strlen(rule.reason) > 0);
      CHECK_FALSE(rule.numbers.empty());
      CHECK(rule.otherwise_errno >= 1);
      CHECK(rule.otherwise_errno <= kLargestErrno);
      for (const Alternative& alternative : rule.allowed_if)
        for (const Condition& condition : alternative) {
          CHECK(condition.argument < std::size(seccomp_data{}.args));
          if (condition.test == Test::no_bits_of || condition.test == Test::any_bit_of)
            CHECK(condition.value != 0);
        }
    }
}

TEST_CASE("the candidates are of five kinds, the strongest under the table itself", "[policy]") {
  CHECK(distinct_candidates().size() == 5);
  const auto table = compile(python_policy()), strongest = compile(joined());
  REQUIRE(table.size() == strongest.size());
  CHECK(std::memcmp(table.data(), strongest.data(), table.size() * sizeof table[0]) == 0);
}

TEST_CASE("tests by difference and by any bit follow the low half alone", "[policy]") {
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

TEST_CASE("without namespaces a job makes threads and no process", "[policy]") {
  for (const Policy& policy : {kept(), shared()}) {
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

TEST_CASE("without namespaces a job names no process but itself", "[policy]") {
  for (const Policy& policy : {kept(), shared()}) {
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
          "[policy]") {
  for (const Policy& policy : {kept(), shared()}) {
    BpfEvaluator evaluator(compile(policy));
    for (const int number : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo})
      for (std::uint32_t pid = 0; pid <= kLargestPid; pid += pid < 70'000 ? 1 : 997)
        for (const std::uint64_t argument :
             {std::uint64_t{pid}, std::uint64_t{std::uint32_t{0} - pid}})
          if (evaluator.run(call(number, {argument})) != error_verdict(EPERM))
            FAIL("call " << number << " with " << argument);
  }
}

TEST_CASE("the placeholder for the own process stands for nothing else", "[policy]") {
  CHECK(kOwnPid > kLargestPid);
  CHECK(kOwnPid < 0x80000000u);  // nor a group
  for (const NamedPolicy& named : policies()) {
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
  CHECK(compile(kept()).size() != compile(python_policy()).size());
}

TEST_CASE("where the uid is the service's own, the attributes of files are out of reach",
          "[policy]") {
  Verdicts own(kept()), service(shared());
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

TEST_CASE("a file's times can be set only where it is the job's own", "[policy]") {
  std::vector<int> numbers = {SYS_utimensat};
#if defined(__x86_64__)
  numbers.insert(numbers.end(), {SYS_utime, SYS_utimes, SYS_futimesat});
#endif
  for (const int number : numbers) {
    CHECK(Verdicts(joined()).allows(number, {}));
    CHECK(Verdicts(one_uid()).allows(number, {}));
    for (const Policy& policy : {kept(), shared()})
      CHECK(Verdicts(policy)(number, {}) == error_verdict(EPERM));
  }
}

TEST_CASE("only where no other job has the same files can they be locked", "[policy]") {
  Verdicts own(joined());
  CHECK(own.allows(SYS_flock, {0, 2}));
  for (const std::uint64_t command :
       {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW}) {
    CHECK(own.allows(SYS_fcntl, {0, command}));
    for (const Policy& policy : {joined_over_shared_files(), one_uid(), kept(), shared()}) {
      Verdicts verdicts(policy);
      CHECK(verdicts(SYS_fcntl, {0, command}) == error_verdict(ENOLCK));
      CHECK(verdicts(SYS_flock, {0, 2}) == error_verdict(ENOSYS));
      CHECK(verdicts.allows(SYS_fcntl, {0, F_GETFL}));
    }
  }
  CHECK(own(SYS_fcntl, {0, F_SETLEASE}) == error_verdict(EINVAL));
}

TEST_CASE("without namespaces a clock and a futex are one's own", "[policy]") {
  constexpr std::uint64_t kOfPid1 = ~std::uint64_t{1} << 3 | 2,
                          kOfOwnPid0 = ~std::uint64_t{0} << 3 | 2;
  for (const Policy& policy : {kept(), shared()}) {
    Verdicts verdicts(policy);
    for (const int number :
         {SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_timer_create}) {
      for (const std::uint64_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                        CLOCK_THREAD_CPUTIME_ID, CLOCK_BOOTTIME})
        CHECK(verdicts.allows(number, {clock}));
      for (const std::uint64_t clock : {kOfPid1, kOfPid1 | 4, kOfOwnPid0, kHigh - 1})
        CHECK(verdicts(number, {clock}) == error_verdict(EINVAL));
      CHECK(Verdicts(joined()).allows(number, {kOfPid1}));
    }
    for (const std::uint64_t operation : {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
                                          FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET}) {
      CHECK(verdicts.allows(SYS_futex, {0, operation | FUTEX_PRIVATE_FLAG}));
      CHECK(verdicts(SYS_futex, {0, operation}) == error_verdict(EAGAIN));
      CHECK(Verdicts(joined()).allows(SYS_futex, {0, operation}));
    }
    for (const std::uint64_t operation : {FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI,
                                          FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI})
      CHECK_FALSE(verdicts.allows(SYS_futex, {0, operation | FUTEX_PRIVATE_FLAG}));
  }
}

TEST_CASE("where the kernel shares the processor out by sessions, a job has one", "[policy]") {
  Plan plan = candidates().front().plan;
  CHECK(Verdicts(policy_for(plan)).allows(SYS_setsid, {}));
  plan.sessions = Sessions::one;
  CHECK(Verdicts(policy_for(plan))(SYS_setsid, {}) == error_verdict(EPERM));
}

TEST_CASE("where init and job share a uid, the init cannot be named", "[policy]") {
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

TEST_CASE("a weaker level allows nothing that a stronger one refuses", "[policy]") {
  check_weaker_allows_no_more(joined(), joined_over_shared_files());
  check_weaker_allows_no_more(joined_over_shared_files(), one_uid());
  check_weaker_allows_no_more(one_uid(), kept());
  check_weaker_allows_no_more(kept(), shared());
}

}  // namespace
}  // namespace pyexec::sandbox
