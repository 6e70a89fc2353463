// Helpers for writing the rows of the system call tables.
#pragma once

#include <sys/prctl.h>

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

// prctl(2) on the caller's own names and state, which no job can harm another with.
inline std::vector<Alternative> own_names_and_state() {
  std::vector<Alternative> alternatives =
      if_argument_is(0, {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS,
                         PR_GET_SECCOMP, PR_CAPBSET_READ});
  alternatives.push_back(
      {Condition{0, Test::equals, PR_SET_DUMPABLE}, Condition{1, Test::equals, 0}});
  return alternatives;
}

}  // namespace pyexec::sandbox
