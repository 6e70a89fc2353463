// The reference for compiled policies: reads the rows as a person would, shares no code with the
// compiler. And the policies and calls that are worth asking about.
#pragma once

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sandbox/front_end/server_policy.h"
#include "sandbox/plan/plan.h"
#include "sandbox/policy/python_policy.h"
#include "sandbox/policy/syscall_rule.h"

namespace pyexec::test {

using sandbox::Alternative;
using sandbox::Condition;
using sandbox::Policy;
using sandbox::SyscallRule;

inline constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;
inline constexpr std::uint32_t kX32 = 0x40000000;
inline constexpr int kNumbers = 1024;
inline const std::uint32_t kArchitecture = sandbox::python_policy().architecture;

inline std::uint32_t error_verdict(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

inline seccomp_data call(int number, std::initializer_list<std::uint64_t> arguments,
                         std::uint32_t architecture = kArchitecture) {
  seccomp_data data = {};
  data.nr = number;
  data.arch = architecture;
  std::copy(arguments.begin(), arguments.end(), data.args);
  return data;
}
inline seccomp_data call_with_all(int number, std::uint64_t value,
                                  std::uint32_t architecture = kArchitecture) {
  return call(number, {value, value, value, value, value, value}, architecture);
}

class Model {
 public:
  explicit Model(Policy policy) : policy_(std::move(policy)) {
    for (const SyscallRule& rule : policy_.rules)
      for (const int number : rule.numbers)
        if (number >= 0 && number < kNumbers) rows_[number] = &rule;
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  std::uint32_t verdict(const seccomp_data& data) const {
    if (data.arch != policy_.architecture) return SECCOMP_RET_KILL_PROCESS;
    if (data.nr < 0 || static_cast<std::uint32_t>(data.nr) >= kX32) return SECCOMP_RET_KILL_PROCESS;
    const SyscallRule* row = data.nr < kNumbers ? rows_[data.nr] : nullptr;
    if (row == nullptr) return error_verdict(policy_.default_errno);
    for (const Alternative& alternative : row->allowed_if)
      if (holds(alternative, data)) return SECCOMP_RET_ALLOW;
    return error_verdict(row->otherwise_errno);
  }
  bool allows(const seccomp_data& data) const { return verdict(data) == SECCOMP_RET_ALLOW; }
  const Policy& policy() const { return policy_; }

 private:
  static bool holds(const Alternative& alternative, const seccomp_data& data) {
    using Test = Condition::Test;
    for (const Condition& condition : alternative) {
      const std::uint64_t low = data.args[condition.argument] % kHigh;
      if (condition.test == Test::equals && low != condition.value) return false;
      if (condition.test == Test::differs && low == condition.value) return false;
      if (condition.test == Test::no_bits_of && (low & condition.value) != 0) return false;
      if (condition.test == Test::any_bit_of && (low & condition.value) == 0) return false;
    }
    return true;
  }

  Policy policy_;
  const SyscallRule* rows_[kNumbers] = {};
};

inline void insert_interesting(const SyscallRule& rule, std::set<std::uint64_t>& out) {
  using Test = Condition::Test;
  for (const Alternative& alternative : rule.allowed_if)
    for (const Condition& condition : alternative) {
      const std::uint64_t value = condition.value;
      out.insert({value, value | kHigh, value - 1, value + 1, value << 32, ~value, ~value % kHigh});
      const bool reads_bits =
          condition.test == Test::no_bits_of || condition.test == Test::any_bit_of;
      for (int bit = 0; bit < 32 && reads_bits; ++bit)
        out.insert({std::uint64_t{1} << bit, std::uint64_t{1} << bit | kHigh});
    }
}

// Arguments at which any rule of the policy, or the one rule, could change its mind.
inline std::vector<std::uint64_t> interesting_arguments(const Policy& policy) {
  std::set<std::uint64_t> out = {0, 1, kHigh - 1, kHigh, ~std::uint64_t{0}};
  for (const SyscallRule& rule : policy.rules) insert_interesting(rule, out);
  return {out.begin(), out.end()};
}
inline std::vector<std::uint64_t> interesting_arguments(const SyscallRule& rule) {
  std::set<std::uint64_t> out = {0, 1, kHigh - 1, kHigh, ~std::uint64_t{0}};
  insert_interesting(rule, out);
  return {out.begin(), out.end()};
}

inline bool is_conditional(const SyscallRule& rule) {
  return std::any_of(rule.allowed_if.begin(), rule.allowed_if.end(),
                     [](const Alternative& alternative) { return !alternative.empty(); });
}

// What `insert_own_pid` makes of the rows.
inline Policy with_own_pid(Policy policy, std::uint32_t pid) {
  for (SyscallRule& rule : policy.rules)
    for (Alternative& alternative : rule.allowed_if)
      for (Condition& condition : alternative)
        if (condition.test == Condition::Test::equals && condition.value == sandbox::kOwnPid)
          condition.value = pid;
  return policy;
}

struct NamedPolicy {
  std::string name;
  Policy policy;
};

// One plan of each kind that the candidates' policies are chosen by.
inline std::vector<sandbox::Candidate> distinct_candidates() {
  std::vector<sandbox::Candidate> out;
  std::set<std::tuple<bool, sandbox::Users, sandbox::Files>> seen;
  for (const sandbox::Candidate& candidate : sandbox::candidates())
    if (seen.insert({candidate.plan.namespaces(), candidate.plan.users, candidate.plan.files})
            .second)
      out.push_back(candidate);
  return out;
}

inline std::vector<NamedPolicy> every_policy() {
  std::vector<NamedPolicy> out = {{"python_policy", sandbox::python_policy()},
                                  {"server_policy", sandbox::server_policy()}};
  for (const sandbox::Candidate& candidate : distinct_candidates())
    out.push_back({candidate.name, sandbox::policy_for(candidate.plan)});
  sandbox::Plan one_session = sandbox::candidates().front().plan;
  one_session.sessions = sandbox::Sessions::one;
  out.push_back({"one session a job", sandbox::policy_for(one_session)});
  return out;
}

// Numbers of other architectures, and of none.
inline std::vector<std::uint32_t> foreign_architectures() {
  std::vector<std::uint32_t> out = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,    AUDIT_ARCH_AARCH64,
                                    AUDIT_ARCH_ARM,    AUDIT_ARCH_RISCV64, 0,
                                    0xffffffff};
  std::erase(out, kArchitecture);
  return out;
}

}  // namespace pyexec::test
