// What the policies of the plans say of a call, by their compiled programs.
#pragma once

#include <linux/filter.h>

#include <initializer_list>
#include <stdexcept>
#include <vector>

#include "sandbox/policy/bpf.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/policy_model.h"

namespace pyexec::test {

using namespace sandbox;

inline constexpr std::uint32_t kOwn = 4321;  // the process that installs the filter

inline std::vector<sock_filter> compile_for(const Policy& policy, std::uint32_t pid) {
  auto program = compile(policy);
  insert_own_pid(program, pid);
  return program;
}

inline Policy policy_of(bool namespaces, Users users, Files files = Files::shared) {
  for (const Candidate& candidate : distinct_candidates())
    if (candidate.plan.namespaces() == namespaces && candidate.plan.users == users &&
        candidate.plan.files == files)
      return policy_for(candidate.plan);
  throw std::logic_error("no candidate is of this kind");
}
inline Policy with_setns() {
  return policy_of(true, Users::two_mapped, Files::own);
}
inline Policy with_setns_over_shared_files() {
  return policy_of(true, Users::two_mapped);
}
inline Policy one_uid() {
  return policy_of(true, Users::one_mapped);
}
inline Policy supervised() {
  return policy_of(false, Users::own_host);
}
inline Policy shared() {
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

}  // namespace pyexec::test
