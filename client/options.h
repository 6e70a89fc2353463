// What the command line and the environment ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "client/end.h"
#include "client/url.h"

namespace pyexec::client {

struct Options {
  Url url;
  std::string key;     // empty: none
  std::string input;   // empty: standard input
  std::string output;  // empty: standard output
  enum class Begin { anew, resume } begin = Begin::anew;
  std::chrono::seconds retry{300};
  std::uint64_t window = 1000;
  enum class Show { on_terminals, always, nothing } show = Show::on_terminals;
};

// An End is that of --help and --version, with what they print, or of a bad command line.
std::variant<Options, End> read_options(int argc, const char* const* argv);

}  // namespace pyexec::client
