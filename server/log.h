// One line to standard error for what an operator should know. Never a script's own words.
#pragma once

#include <iostream>
#include <string_view>

namespace pyexec {

inline void log_line(std::string_view text) {
  std::clog << "pyexec: " << text << std::endl;
}

}  // namespace pyexec
