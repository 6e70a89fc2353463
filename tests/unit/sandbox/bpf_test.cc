#include "sandbox/policy/bpf.h"

#include <asm/ioctls.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>

#include "sandbox/policy/python_policy.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/catch.h"
#include "tests/support/policy_model.h"

namespace pyexec::sandbox {
namespace {

using test::BpfEvaluator;
using test::call;
using test::call_with_all;
using test::error_verdict;
using test::foreign_architectures;
using test::interesting_arguments;
using test::kArchitecture;
using test::kHigh;
using test::kNumbers;
using test::kX32;
using Test = Condition::Test;

constexpr int kLargestErrno = 4095;

// clang-format off
const std::vector<int> kForbidden = {
    SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendmmsg,
    SYS_recvmmsg, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
    SYS_kcmp, SYS_perf_event_open, SYS_bpf, SYS_seccomp, SYS_personality, SYS_mount,
    SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen,
    SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_open_by_handle_at, SYS_name_to_handle_at,
    SYS_unshare, SYS_setns, SYS_clone3, SYS_splice, SYS_tee, SYS_vmsplice, SYS_memfd_create,
    SYS_memfd_secret, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_io_uring_setup,
    SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_setuid, SYS_setgid,
    SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_capset, SYS_mknodat, SYS_fchown,
    SYS_fchownat, SYS_setrlimit, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_acct, SYS_settimeofday, SYS_clock_settime,
    SYS_sethostname, SYS_syslog, SYS_quotactl, SYS_fanotify_init, SYS_inotify_init1, SYS_shmget,
    SYS_semget, SYS_msgget, SYS_mq_open, SYS_mbind, SYS_move_pages, SYS_mlock, SYS_execveat,
    SYS_openat2, SYS_io_setup};
// clang-format on
#if defined(__x86_64__)
const std::vector<int> kForbiddenLegacy = {SYS_iopl,  SYS_ioperm, SYS_modify_ldt,     SYS_mknod,
                                           SYS_chown, SYS_lchown, SYS_kexec_file_load};
#else
const std::vector<int> kForbiddenLegacy = {};
#endif

Policy one_rule(SyscallRule rule) {
  Policy policy = {AUDIT_ARCH_X86_64, {}, ENOSYS};
  policy.rules.push_back(std::move(rule));
  return policy;
}
const Alternative kIfFirstIsOne = {Condition{0, Test::equals, 1}};

std::uint32_t verdict(const seccomp_data& data) {
  static BpfEvaluator evaluator(compile(python_policy()));
  return evaluator.run(data);
}
bool allowed(const seccomp_data& data) {
  return verdict(data) == SECCOMP_RET_ALLOW;
}

TEST_CASE("a wrong architecture is killed", "[bpf]") {
  for (const std::uint32_t architecture : foreign_architectures())
    for (int number = 0; number < kNumbers; ++number)
      if (verdict(call(number, {}, architecture)) != SECCOMP_RET_KILL_PROCESS)
        FAIL("call " << number << " of architecture " << architecture);
}

TEST_CASE("an x32 call is killed", "[bpf]") {
  for (int number = 0; number < kNumbers; ++number)
    if (verdict(call(static_cast<int>(kX32) | number, {})) != SECCOMP_RET_KILL_PROCESS)
      FAIL("call " << number);
}

TEST_CASE("only a wrong architecture and x32 kill", "[bpf]") {
  const auto arguments = interesting_arguments(python_policy());
  for (int number = 0; number < kNumbers; ++number)
    for (const std::uint64_t value : arguments)
      if (verdict(call_with_all(number, value)) == SECCOMP_RET_KILL_PROCESS)
        FAIL("call " << number << " with " << value);
}

TEST_CASE("a call that the table does not name gets the default errno", "[bpf]") {
  const Policy policy = python_policy();
  CHECK(policy.default_errno >= 1);
  CHECK(policy.default_errno <= kLargestErrno);
  for (const int number : {600, 1023, 99999, static_cast<int>(kX32 - 1)})
    CHECK(verdict(call(number, {})) == error_verdict(policy.default_errno));
}

TEST_CASE("dangerous calls are never allowed", "[bpf]") {
  const auto arguments = interesting_arguments(python_policy());
  for (const auto* list : {&kForbidden, &kForbiddenLegacy})
    for (const int number : *list)
      for (const std::uint64_t value : arguments) {
        const auto is = verdict(call_with_all(number, value));
        if ((is & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
          FAIL("call " << number << " with " << value);
      }
}

TEST_CASE("what an interpreter cannot do without is allowed", "[bpf]") {
  for (const int number : {SYS_read, SYS_write, SYS_openat, SYS_close, SYS_mmap, SYS_munmap,
                           SYS_brk, SYS_futex, SYS_exit_group, SYS_getrandom, SYS_clock_gettime})
    CHECK(allowed(call(number, {})));
}

TEST_CASE("threads and fork are allowed, namespaces are not", "[bpf]") {
  const std::uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  CHECK(allowed(call(SYS_clone, {thread})));
  CHECK(allowed(call(SYS_clone, {SIGCHLD})));
  for (const std::uint64_t flag :
       {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
        CLONE_NEWCGROUP, CLONE_PARENT, CLONE_PTRACE, CLONE_UNTRACED}) {
    CHECK(verdict(call(SYS_clone, {flag})) == error_verdict(EPERM));
    CHECK(verdict(call(SYS_clone, {thread | flag})) == error_verdict(EPERM));
    CHECK(verdict(call(SYS_clone, {flag | kHigh})) == error_verdict(EPERM));
  }
}

TEST_CASE("typing into a terminal is refused whatever the high half says", "[bpf]") {
  for (const std::uint64_t request : {TIOCSTI, TIOCLINUX})
    for (const std::uint64_t high : {std::uint64_t{0}, kHigh, ~std::uint64_t{0} << 32}) {
      CHECK_FALSE(allowed(call(SYS_ioctl, {0, request | high})));
      CHECK(allowed(call(SYS_ioctl, {0, TCGETS | high})));
    }
}

TEST_CASE("only unix socket pairs are allowed", "[bpf]") {
  CHECK(allowed(call(SYS_socketpair, {AF_UNIX, SOCK_STREAM})));
  for (const std::uint64_t family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG})
    CHECK(verdict(call(SYS_socketpair, {family, SOCK_STREAM})) == error_verdict(EPERM));
  CHECK_FALSE(allowed(call(SYS_socketpair, {AF_INET | kHigh, SOCK_STREAM})));
  CHECK_FALSE(allowed(call(SYS_socketpair, {0, AF_UNIX})));
}

TEST_CASE("a process may stop being dumpable and not become so", "[bpf]") {
  CHECK(allowed(call(SYS_prctl, {PR_SET_DUMPABLE, 0})));
  CHECK_FALSE(allowed(call(SYS_prctl, {PR_SET_DUMPABLE, 1})));
  CHECK_FALSE(allowed(call(SYS_prctl, {PR_SET_DUMPABLE, 1 | kHigh})));
  CHECK_FALSE(allowed(call(SYS_prctl, {PR_SET_SECCOMP, 1})));
  CHECK_FALSE(allowed(call(SYS_prctl, {PR_SET_PTRACER, 1})));
}

TEST_CASE("the limits of other processes are out of reach", "[bpf]") {
  CHECK(allowed(call(SYS_prlimit64, {0})));
  for (const std::uint64_t pid : {std::uint64_t{1}, std::uint64_t{2}, kHigh | 1, kHigh - 1})
    CHECK_FALSE(allowed(call(SYS_prlimit64, {pid})));
}

TEST_CASE("two rows with one number are refused", "[bpf]") {
  Policy policy = one_rule({{SYS_read}, {Alternative{}}, EPERM, "a"});
  policy.rules.push_back({{SYS_write, SYS_read}, {}, EPERM, "b"});
  CHECK_THROWS_AS(compile(policy), std::logic_error);
  CHECK_THROWS_AS(compile(one_rule({{SYS_read, SYS_read}, {Alternative{}}, EPERM, "a"})),
                  std::logic_error);
}

TEST_CASE("a row that refuses with no errno is refused", "[bpf]") {
  for (const int error : {0, -1, kLargestErrno + 1, 1 << 16}) {
    CHECK_THROWS_AS(compile(one_rule({{SYS_read}, {}, error, "a"})), std::logic_error);
    CHECK_THROWS_AS(compile(one_rule({{SYS_read}, {kIfFirstIsOne}, error, "a"})), std::logic_error);
  }
  CHECK_NOTHROW(compile(one_rule({{SYS_read}, {}, kLargestErrno, "a"})));
  CHECK_NOTHROW(compile(one_rule({{SYS_read}, {}, 1, "a"})));
}

TEST_CASE("a default without an errno is refused", "[bpf]") {
  for (const int error : {0, -1, kLargestErrno + 1}) {
    Policy policy = one_rule({{SYS_read}, {Alternative{}}, EPERM, "a"});
    policy.default_errno = error;
    CHECK_THROWS_AS(compile(policy), std::logic_error);
  }
}

TEST_CASE("a row too long for a jump is refused", "[bpf]") {
  const std::vector<Alternative> alternatives(300, kIfFirstIsOne);
  CHECK_THROWS_AS(compile(one_rule({{SYS_read}, alternatives, EPERM, "a"})), std::logic_error);
  const std::vector<Alternative> conditions = {Alternative(300, Condition{0, Test::equals, 1})};
  CHECK_THROWS_AS(compile(one_rule({{SYS_read}, conditions, EPERM, "a"})), std::logic_error);
}

TEST_CASE("a policy too long for the kernel is refused", "[bpf]") {
  SyscallRule rule = {{}, {Alternative{}}, EPERM, "a"};
  for (int number = 0; number <= BPF_MAXINSNS; ++number) rule.numbers.push_back(2 * number);
  CHECK_THROWS_AS(compile(one_rule(rule)), std::logic_error);
}

TEST_CASE("the longest row that fits a jump works to its last alternative", "[bpf]") {
  // An instruction an alternative, then the refusal, then what the first must be able to reach.
  SyscallRule rule = {{SYS_read}, {}, EPERM, "a"};
  constexpr std::uint32_t kAlternatives = 255;
  for (std::uint32_t i = 1; i <= kAlternatives; ++i)
    rule.allowed_if.push_back({Condition{0, Test::equals, i}});
  BpfEvaluator evaluator(compile(one_rule(rule)));
  for (std::uint32_t i = 0; i <= kAlternatives + 1; ++i) {
    const bool listed = i >= 1 && i <= kAlternatives;
    CHECK((evaluator.run(call(SYS_read, {i}, AUDIT_ARCH_X86_64)) == SECCOMP_RET_ALLOW) == listed);
  }
  CHECK(evaluator.run(call(SYS_write, {1}, AUDIT_ARCH_X86_64)) == error_verdict(ENOSYS));
}

TEST_CASE("random rows mean what the model says", "[bpf]") {
  std::mt19937 random(20261121);
  const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
  for (int round = 0; round < 300; ++round) {
    Policy policy = {kArchitecture, {}, ENOSYS};
    for (int number = 0; number < 40; ++number) {
      SyscallRule rule = {{number}, {}, 1 + static_cast<int>(below(3)), "random"};
      for (unsigned i = below(4); i > 0; --i) {
        Alternative& alternative = rule.allowed_if.emplace_back();
        for (unsigned j = below(4); j > 0; --j)
          alternative.push_back({static_cast<std::uint8_t>(below(2)),
                                 Test{static_cast<std::uint8_t>(below(4))}, 1 + below(3)});
      }
      if (below(3) > 0) policy.rules.push_back(std::move(rule));
    }
    const test::Model model(policy);
    BpfEvaluator evaluator(compile(policy));
    std::size_t differences = 0;
    for (int number = 0; number < 45; ++number)
      for (std::uint64_t first = 0; first < 5; ++first)
        for (std::uint64_t second = 0; second < 5; ++second) {
          const auto data = call(number, {first, second});
          differences += evaluator.run(data) != model.verdict(data);
        }
    REQUIRE(differences == 0);
  }
}

TEST_CASE("an alternative holds only if all of its conditions do", "[bpf]") {
  const Alternative all = {Condition{0, Test::equals, 1}, Condition{1, Test::no_bits_of, 6},
                           Condition{5, Test::equals, 3}};
  BpfEvaluator evaluator(compile(one_rule({{SYS_read}, {all}, EPERM, "a"})));
  const auto run = [&](std::uint64_t first, std::uint64_t second, std::uint64_t last) {
    return evaluator.run(call(SYS_read, {first, second, 0, 0, 0, last}, AUDIT_ARCH_X86_64));
  };
  CHECK(run(1, 0, 3) == SECCOMP_RET_ALLOW);
  CHECK(run(1 | kHigh, 1 | 6 * kHigh, 3 | kHigh) == SECCOMP_RET_ALLOW);
  CHECK(run(2, 0, 3) == error_verdict(EPERM));
  CHECK(run(1, 2, 3) == error_verdict(EPERM));
  CHECK(run(1, 4, 3) == error_verdict(EPERM));
  CHECK(run(1, 0, 2) == error_verdict(EPERM));
}

TEST_CASE("the evaluator throws on what the compiler never writes", "[bpf]") {
  const seccomp_data data = call(SYS_read, {});
  const std::vector<sock_filter> strange = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof data),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),        BPF_STMT(BPF_RET | BPF_A, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 0, 0), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1)};
  for (const sock_filter& instruction : strange) {
    const std::vector<sock_filter> program = {instruction, BPF_STMT(BPF_RET | BPF_K, 0)};
    CHECK_THROWS_AS(BpfEvaluator(program).run(data), std::runtime_error);
  }
}

TEST_CASE("the evaluator throws where a program runs off its end", "[bpf]") {
  const seccomp_data data = call(SYS_read, {});
  const std::vector<sock_filter> jump = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 1),
                                         BPF_STMT(BPF_RET | BPF_K, 0)};
  CHECK_THROWS_AS(BpfEvaluator(jump).run(data), std::runtime_error);
  CHECK_THROWS_AS(BpfEvaluator({}).run(data), std::runtime_error);
}

}  // namespace
}  // namespace pyexec::sandbox
