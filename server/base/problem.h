// An error in the operator's input, with a message for the operator.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace pyexec {

struct Problem {
  std::string message;
};

// Required by boost::system::result: called if a value is taken unchecked, which never happens.
[[noreturn]] inline void throw_exception_from_error(const Problem& problem,
                                                    const boost::source_location&) {
  throw std::logic_error(problem.message);
}

}  // namespace pyexec
