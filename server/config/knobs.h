// The table of settings: each has a flag and an environment variable. --help is generated from it;
// a test compares docs/operations.md with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace pyexec {

struct NumberKnob {
  const char* flag;
  const char* variable;
  const char* unit;
  std::uint64_t Config::*field;
  std::uint64_t fallback;
  std::uint64_t least, most;
  const char* meaning;
};

struct TextKnob {
  const char* flag;
  const char* variable;
  std::string Config::*field;
  std::string fallback;
  const char* meaning;
  std::vector<std::string> choices = {};  // empty: any text
};

const std::vector<NumberKnob>& number_knobs();
const std::vector<TextKnob>& text_knobs();

}  // namespace pyexec
