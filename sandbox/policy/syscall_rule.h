// A system call policy as data: `bpf.cc` compiles it, and tests use it as the reference model.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace pyexec::sandbox {

// One condition on one argument. The kernel hands a filter 64-bit arguments, but a call whose C
// type is `int` reads only the low half: comparing all 64 bits lets `value | 1 << 32` through
// (CVE-2019-10063). Every argument named in the policy is an int or a flag word below 2^32, so only
// the low half counts.
struct Condition {
  enum class Test : std::uint8_t { equals, differs, no_bits_of, any_bit_of };
  std::uint8_t argument;
  Test test;
  std::uint32_t value;

  bool operator==(const Condition&) const = default;
  bool holds(std::uint64_t actual) const {
    const auto low = static_cast<std::uint32_t>(actual);
    switch (test) {
      case Test::equals:
        return low == value;
      case Test::differs:
        return low != value;
      case Test::no_bits_of:
        return (low & value) == 0;
      case Test::any_bit_of:
        return (low & value) != 0;
    }
    return false;
  }
};

// Stands in a condition for the number of the process that installs the filter.
inline constexpr std::uint32_t kOwnPid = 0x7fffff01;

// All conditions of an alternative must hold.
using Alternative = std::vector<Condition>;

struct SyscallRule {
  std::vector<int> numbers;
  // Allowed if any alternative holds. One empty alternative: always. None: never.
  std::vector<Alternative> allowed_if;
  int otherwise_errno;  // never 0: ERRNO(0) would fake success
  const char* reason;
};

struct Policy {
  std::uint32_t architecture;  // AUDIT_ARCH_*; any other kills the process
  std::vector<SyscallRule> rules;
  int default_errno;
};

}  // namespace pyexec::sandbox
