// What the real kernel makes of every compiled policy. In the program that is installed each ALLOW
// has become an errno that no call has, so that every call can be made, with every argument, and
// none is ever carried out.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "sandbox/base/sys.h"
#include "sandbox/policy/bpf.h"
#include "tests/support/catch.h"
#include "tests/support/policy_model.h"

using namespace pyexec;
using namespace pyexec::sandbox;
using namespace pyexec::test;

namespace {

using Test = Condition::Test;

constexpr int kAllowed = 4000;  // more than any errno there is, less than the kernel's 4095
constexpr int kLastNumber = 470;
constexpr int kFarNumbers[] = {511, 512, 547, 548, 600, 1023, 4096, 99999, 0x3fffffff};

// uretprobe, uprobe: kernels from 6.14 on show them to no filter, and end who calls them from
// elsewhere than their own trampoline.
bool is_shown_to_filters([[maybe_unused]] int number) {
#if defined(__x86_64__)
  return number != 335 && number != 336;
#else
  return true;
#endif
}

struct Case {
  seccomp_data data;
  int expected;
};

// Shared with the child, which has no call left to report by.
struct Board {
  std::atomic<int> done;
  std::uint64_t made, differences;
  int at;  // the number of the last call
  Case first;
  int first_got;
};

int expected_errno(std::uint32_t verdict) {
  return verdict == SECCOMP_RET_ALLOW ? kAllowed : static_cast<int>(verdict & SECCOMP_RET_DATA);
}

class Cases {
 public:
  explicit Cases(const Model& model) : model_(model) {
    for (int number = 0; number <= kLastNumber; ++number)
      if (is_shown_to_filters(number)) add_plain(number);
    for (const int number : kFarNumbers) add_plain(number);
    for (const SyscallRule& rule : model.policy().rules)
      for (const Alternative& alternative : rule.allowed_if)
        for (const int number : rule.numbers)
          if (!alternative.empty()) add_around(satisfying(number, alternative));
  }
  const std::vector<Case>& list() const { return list_; }
  std::size_t unsatisfied() const { return unsatisfied_; }

 private:
  void add(const seccomp_data& data) {
    list_.push_back({data, expected_errno(model_.verdict(data))});
  }
  void add_plain(int number) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, kHigh, ~std::uint64_t{0}})
      add(call_with_all(number, value));
  }
  seccomp_data satisfying(int number, const Alternative& alternative) {
    seccomp_data data = call(number, {});
    for (const Condition& condition : alternative) {
      auto& argument = data.args[condition.argument];
      if (condition.test == Test::equals) argument = condition.value;
      if (condition.test == Test::any_bit_of) argument |= condition.value & -condition.value;
    }
    for (int more = 0; more < 4; ++more)
      for (const Condition& condition : alternative)
        if (condition.test == Test::differs && !condition.holds(data.args[condition.argument]))
          ++data.args[condition.argument];
    unsatisfied_ += !model_.allows(data);
    return data;
  }
  // Each bit of each argument flipped. Of a high half the expectation is written down without
  // asking the model: it changes nothing.
  void add_around(const seccomp_data& base) {
    add(base);
    for (auto argument = 0u; argument < std::size(base.args); ++argument)
      for (int bit = 0; bit < 64; ++bit) {
        seccomp_data flipped = base;
        flipped.args[argument] ^= std::uint64_t{1} << bit;
        if (bit < 32)
          add(flipped);
        else
          list_.push_back({flipped, kAllowed});
      }
  }

  const Model& model_;
  std::vector<Case> list_;
  std::size_t unsatisfied_ = 0;
};

// Nothing of it lets a call through.
std::vector<sock_filter> compile_harmless(const Policy& policy, pid_t pid) {
  auto program = compile(policy);
  insert_own_pid(program, static_cast<std::uint32_t>(pid));
  for (sock_filter& instruction : program)
    if (instruction.code == (BPF_RET | BPF_K) && instruction.k == SECCOMP_RET_ALLOW)
      instruction.k = error_verdict(kAllowed);
  return program;
}

bool install(const std::vector<sock_filter>& program) {
  for (const sock_filter& instruction : program)
    if (instruction.code == (BPF_RET | BPF_K) && instruction.k != SECCOMP_RET_KILL_PROCESS &&
        (instruction.k & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
      return false;
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             const_cast<sock_filter*>(program.data())};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sys::install_seccomp(&filter) == 0 &&
         ::syscall(SYS_getpid) == -1 && errno == kAllowed;
}

int errno_of(const seccomp_data& data) {
  errno = 0;
  const auto* a = data.args;
  return ::syscall(data.nr, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno : 0;
}

[[noreturn]] void try_all(const Policy& policy, Board& board) {
  const Model model(with_own_pid(policy, static_cast<std::uint32_t>(::getpid())));
  const Cases cases(model);
  const auto program = compile_harmless(policy, ::getpid());
  if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) == -1) ::_exit(2);
  if (cases.unsatisfied() > 0) ::_exit(3);
  if (!install(program)) ::_exit(4);
  for (const Case& one : cases.list()) {
    board.at = one.data.nr;
    const int got = errno_of(one.data);
    ++board.made;
    if (got != one.expected && ++board.differences == 1) {
      board.first = one;
      board.first_got = got;
    }
  }
  board.done = 1;
  for (volatile bool waits = true; waits;) {  // to be killed: it cannot even exit
  }
  std::abort();
}

// In a child that dies of what it does: the signal.
template <typename Act>
int signal_of(const Policy& policy, Act act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto program = compile_harmless(policy, ::getpid());
    if (!install(program)) ::_exit(4);
    act();
    for (volatile int* nowhere = nullptr;;) *nowhere = 0;
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

TEST_CASE("the kernel decides every call as the tables say", "[policy]") {
  for (const NamedPolicy& named : every_policy()) {
    INFO(named.name);
    void* memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    Board& board = *new (memory) Board{};
    const pid_t pid = ::fork();
    if (pid == 0) try_all(named.policy, board);
    int status = -1;
    const timespec pause = {0, 1'000'000};
    for (int tries = 0; board.done == 0 && tries < 60'000; ++tries) {
      if (::waitpid(pid, &status, WNOHANG) == pid) break;
      ::nanosleep(&pause, nullptr);
    }
    CAPTURE(status, board.made, board.at);
    REQUIRE(board.done == 1);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    INFO("call " << board.first.data.nr << " with " << board.first.data.args[0] << ", "
                 << board.first.data.args[1] << ", " << board.first.data.args[2] << " gives "
                 << board.first_got << ", not " << board.first.expected);
    CHECK(board.differences == 0);
    CHECK(board.made > 4u * kLastNumber);
    ::munmap(memory, sizeof(Board));
  }
}

TEST_CASE("the kernel kills for a number that is no number of this architecture", "[policy]") {
  for (const NamedPolicy& named : every_policy()) {
    INFO(named.name);
    for (const std::uint32_t number : {kX32, kX32 | SYS_getpid, kX32 | 520, 0x80000000u, ~0u})
      CHECK(signal_of(named.policy, [&] { ::syscall(static_cast<long>(number)); }) == SIGSYS);
    CHECK(signal_of(named.policy, [] { ::syscall(SYS_getpid); }) == SIGSEGV);  // as the others end
  }
}

#if defined(__x86_64__)
TEST_CASE("the two calls that are shown to no filter are of no use", "[policy]") {
  for (const NamedPolicy& named : every_policy())
    for (const long number : {335, 336}) {
      CAPTURE(named.name, number);
      // It is refused, and the child ends as all of them do; or the kernel ends it.
      const int signal = signal_of(named.policy, [number] {
        const bool refused = ::syscall(number, 0, 0, 0) == -1 &&
                             (errno == ENOSYS || errno == ENXIO || errno == EPERM);
        volatile int one = 1;
        if (!refused) one = one / (one - 1);  // SIGFPE: the only signal that needs no call
      });
      CHECK((signal == SIGSEGV || signal == SIGILL));
    }
}

TEST_CASE("the kernel kills for a call by the 32-bit door", "[policy]") {
  const auto by_old_door = [] {
    int result = 20;  // getpid
    asm volatile("int $0x80" : "+a"(result) : : "memory");
  };
  const pid_t pid = ::fork();
  if (pid == 0) {
    by_old_door();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  // Without a filter: it works, or the kernel has no such door.
  const int expected = WIFEXITED(status) ? SIGSYS : SIGSEGV;
  for (const NamedPolicy& named : every_policy()) {
    INFO(named.name);
    CHECK(signal_of(named.policy, by_old_door) == expected);
  }
}
#endif

}  // namespace
