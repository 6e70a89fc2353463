#include "sandbox/policy/bpf.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

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

// The target of a jump, before it is resolved to an instruction.
enum class Exit { next_condition, next_alternative, allow, refuse };

struct Check {
  Condition condition;
  Exit if_true, if_false;
};

bool starts_with(const Alternative& alternative, const Alternative& prefix) {
  return alternative.size() > prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), alternative.begin());
}

// Returns the conditions that all alternatives begin with, so that they are tested once. Leaves
// at least one condition to each alternative.
Alternative common_prefix(const std::vector<Alternative>& alternatives) {
  Alternative prefix;
  for (;;) {
    Alternative longer = prefix;
    if (alternatives.front().size() <= longer.size()) return prefix;
    longer.push_back(alternatives.front()[prefix.size()]);
    for (const Alternative& alternative : alternatives)
      if (!starts_with(alternative, longer)) return prefix;
    prefix = std::move(longer);
  }
}

std::vector<Check> checks_of(const std::vector<Alternative>& alternatives) {
  std::vector<Check> checks;
  const Alternative prefix = common_prefix(alternatives);
  for (const Condition& condition : prefix)
    checks.push_back({condition, Exit::next_condition, Exit::refuse});
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    const bool is_last = i + 1 == alternatives.size();
    for (std::size_t j = prefix.size(); j < alternatives[i].size(); ++j)
      checks.push_back({alternatives[i][j],
                        j + 1 == alternatives[i].size() ? Exit::allow : Exit::next_condition,
                        is_last ? Exit::refuse : Exit::next_alternative});
  }
  return checks;
}

// Returns, for each check, whether it must load its argument. It need not if every path to it has
// loaded that argument.
std::vector<bool> loads_of(const std::vector<Check>& checks) {
  constexpr int kNothing = -1, kVarious = -2;
  std::vector<bool> loads;
  int loaded = kNothing, at_next_alternative = kNothing;
  for (const Check& check : checks) {
    const int argument = check.condition.argument;
    loads.push_back(loaded != argument);
    loaded = argument;
    if (check.if_false == Exit::next_alternative)
      at_next_alternative =
          at_next_alternative == kNothing || at_next_alternative == argument ? argument : kVarious;
    if (check.if_true == Exit::allow) loaded = std::exchange(at_next_alternative, kNothing);
  }
  return loads;
}

sock_filter jump(const Condition& condition, std::size_t if_true, std::size_t if_false) {
  if (std::max(if_true, if_false) > 255) throw std::logic_error("a rule is too long to jump over");
  auto holds = static_cast<std::uint8_t>(if_true), fails = static_cast<std::uint8_t>(if_false);
  using Test = Condition::Test;
  if (condition.test == Test::differs || condition.test == Test::no_bits_of)
    std::swap(holds, fails);
  const bool equality = condition.test == Test::equals || condition.test == Test::differs;
  return BPF_JUMP(BPF_JMP | (equality ? BPF_JEQ : BPF_JSET) | BPF_K, condition.value, holds, fails);
}

// Compiles the checks that follow a match of the number. Always ends in a verdict.
Program compile_body(const SyscallRule& rule) {
  if (rule.allowed_if.empty()) return {give(refuse(rule.otherwise_errno))};
  for (const Alternative& alternative : rule.allowed_if)
    if (alternative.empty()) return {give(SECCOMP_RET_ALLOW)};
  const std::vector<Check> checks = checks_of(rule.allowed_if);
  const std::vector<bool> loads = loads_of(checks);

  std::vector<std::size_t> starts;  // index of each check's first instruction, then of the verdicts
  std::size_t size = 0;
  for (const bool load_first : loads) {
    starts.push_back(size);
    size += load_first ? 2 : 1;
  }
  const std::size_t refusal = size, permission = size + 1;
  const auto target = [&](std::size_t check, Exit exit) {
    if (exit == Exit::allow) return permission;
    if (exit == Exit::refuse) return refusal;
    if (exit == Exit::next_condition) return starts[check + 1];
    while (checks[check].if_true != Exit::allow) ++check;
    return starts[check + 1];
  };

  Program body;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const Condition& condition = checks[i].condition;
    if (condition.argument > 5) throw std::logic_error("a system call has six arguments");
    // Little-endian: the low half comes first.
    if (loads[i]) body.push_back(load(offsetof(seccomp_data, args) + 8 * condition.argument));
    const std::size_t after = body.size() + 1;
    body.push_back(jump(condition, target(i, checks[i].if_true) - after,
                        target(i, checks[i].if_false) - after));
  }
  body.push_back(give(refuse(rule.otherwise_errno)));
  body.push_back(give(SECCOMP_RET_ALLOW));
  return body;
}

// System call numbers from `first` up to the next range's `first`, with the same body.
struct Range {
  std::uint32_t first;
  Program body;
};

bool is_same(const Program& one, const Program& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const sock_filter& a, const sock_filter& b) {
                      return std::memcmp(&a, &b, sizeof a) == 0;
                    });
}

std::vector<Range> ranges_of(const Policy& policy) {
  const Program refusal = {give(refuse(policy.default_errno))};
  // The x32 table numbers the same calls differently.
  std::map<std::uint32_t, Program> by_number = {{kX32Bit, {give(SECCOMP_RET_KILL_PROCESS)}}};
  for (const SyscallRule& rule : policy.rules)
    for (const int number : rule.numbers)
      if (number < 0 || !by_number.emplace(number, compile_body(rule)).second)
        throw std::logic_error("system call " + std::to_string(number) + " stands in two rules");
  std::vector<Range> ranges = {{0, refusal}};
  const auto from = [&](std::uint32_t first, const Program& body) {
    if (ranges.back().first == first) ranges.pop_back();
    if (ranges.empty() || !is_same(ranges.back().body, body)) ranges.push_back({first, body});
  };
  for (auto entry = by_number.begin(); entry != by_number.end(); ++entry) {
    from(entry->first, entry->second);
    const auto next = std::next(entry);
    if (next != by_number.end() && next->first != entry->first + 1) from(entry->first + 1, refusal);
  }
  return ranges;
}

// Compiles a balanced tree. When a filter is installed, the kernel runs it once for every number,
// to learn which calls need no filtering, and translates every instruction: a linear chain of
// comparisons cost 0.6 ms a worker.
Program compile_tree(std::span<const Range> ranges) {
  if (ranges.size() == 1) return ranges.front().body;
  const std::size_t middle = ranges.size() / 2;
  const Program below = compile_tree(ranges.first(middle));
  const Program above = compile_tree(ranges.subspan(middle));
  const std::uint32_t first = ranges[middle].first;
  Program program;
  if (below.size() <= 255) {
    const auto skip = static_cast<std::uint8_t>(below.size());
    program = {BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, skip, 0)};
  } else {
    program = {BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 1),
               BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below.size()))};
  }
  program.insert(program.end(), below.begin(), below.end());
  program.insert(program.end(), above.begin(), above.end());
  return program;
}

}  // namespace

std::vector<sock_filter> compile(const Policy& policy) {
  Program program = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, policy.architecture, 1, 0),
      give(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
  };
  const Program tree = compile_tree(ranges_of(policy));
  program.insert(program.end(), tree.begin(), tree.end());
  if (program.size() > BPF_MAXINSNS)
    throw std::logic_error("the policy is too long for the kernel");
  return program;
}

}  // namespace pyexec::sandbox
