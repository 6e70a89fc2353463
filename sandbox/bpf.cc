#include "sandbox/bpf.h"

#include <linux/seccomp.h>

#include <cstddef>
#include <set>
#include <stdexcept>
#include <string>

namespace pyexec::sandbox {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

using Program = std::vector<sock_filter>;

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

sock_filter give(std::uint32_t verdict) {
  return BPF_STMT(BPF_RET | BPF_K, verdict);
}

std::uint32_t refuse(int error) {
  if (error <= 0 || error > 4095) throw std::logic_error("a refusal needs an errno");
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

// Falls through when the condition holds, else skips `skip` instructions.
void append_condition(Program& program, const Condition& condition, std::uint8_t skip) {
  if (condition.argument > 5) throw std::logic_error("a system call has six arguments");
  // Little-endian: the low half stands first.
  program.push_back(load(offsetof(seccomp_data, args) + 8 * condition.argument));
  if (condition.test == Condition::Test::equals)
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, condition.value, 0, skip));
  else if (condition.test == Condition::Test::differs)
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, condition.value, skip, 0));
  else if (condition.test == Condition::Test::no_bits_of)
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, condition.value, skip, 0));
  else
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, condition.value, 0, skip));
}

// What happens once the number has matched; always ends in a verdict.
Program compile_body(const SyscallRule& rule) {
  Program body;
  for (const Alternative& alternative : rule.allowed_if) {
    for (std::size_t i = 0; i < alternative.size(); ++i) {
      const std::size_t conditions_after = alternative.size() - 1 - i;
      append_condition(body, alternative[i], static_cast<std::uint8_t>(2 * conditions_after + 1));
    }
    body.push_back(give(SECCOMP_RET_ALLOW));
    if (alternative.empty()) return body;
  }
  body.push_back(give(refuse(rule.otherwise_errno)));
  return body;
}

}  // namespace

std::vector<sock_filter> compile(const Policy& policy) {
  Program program = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, policy.architecture, 1, 0),
      give(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
      // The x32 table has its own numbers for the same calls.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1),
      give(SECCOMP_RET_KILL_PROCESS),
  };
  std::set<int> seen;
  for (const SyscallRule& rule : policy.rules) {
    const Program body = compile_body(rule);
    if (body.size() > 255) throw std::logic_error("a rule is too long to jump over");
    for (const int number : rule.numbers) {
      if (!seen.insert(number).second)
        throw std::logic_error("system call " + std::to_string(number) + " stands in two rules");
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0,
                                 static_cast<std::uint8_t>(body.size())));
      program.insert(program.end(), body.begin(), body.end());
    }
  }
  program.push_back(give(refuse(policy.default_errno)));
  if (program.size() > BPF_MAXINSNS)
    throw std::logic_error("the policy is too long for the kernel");
  return program;
}

}  // namespace pyexec::sandbox
