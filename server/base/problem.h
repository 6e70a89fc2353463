// What is wrong with a thing that the operator gave, in words for them.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace pyexec {

struct Problem {
  std::string message;
};

// For boost::system::result, which throws this where a value is taken without a look; nobody does.
[[noreturn]] inline void throw_exception_from_error(const Problem& problem,
                                                    const boost::source_location&) {
  throw std::logic_error(problem.message);
}

}  // namespace pyexec
