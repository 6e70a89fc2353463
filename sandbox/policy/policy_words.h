// Helpers for writing the rows of the system call tables.
#pragma once

#include <cerrno>
#include <initializer_list>
#include <vector>

#include "sandbox/policy/syscall_rule.h"

namespace pyexec::sandbox {

using Test = Condition::Test;

inline constexpr int kNever = EPERM;  // for rows that always allow: the errno is not used

inline std::vector<Alternative> always() {
  return {Alternative{}};
}
inline std::vector<Alternative> never() {
  return {};
}
inline std::vector<Alternative> if_argument_is(std::uint8_t argument,
                                               std::initializer_list<unsigned> values) {
  std::vector<Alternative> alternatives;
  for (const unsigned value : values)
    alternatives.push_back({Condition{argument, Test::equals, value}});
  return alternatives;
}

}  // namespace pyexec::sandbox
