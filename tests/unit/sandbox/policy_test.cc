// The compiled programs say what the tables say.
#include <fcntl.h>

#include <cstring>
#include <map>
#include <memory>

#include "tests/support/catch.h"
#include "tests/support/policy_verdicts.h"

namespace pyexec::sandbox {
namespace {

using namespace pyexec::test;
using Test = Condition::Test;

constexpr int kLargestErrno = 4095;

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
  const auto table = compile(python_policy()), strongest = compile(with_setns());
  REQUIRE(table.size() == strongest.size());
  CHECK(std::memcmp(table.data(), strongest.data(), table.size() * sizeof table[0]) == 0);
}

}  // namespace
}  // namespace pyexec::sandbox
