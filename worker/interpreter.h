// The embedded CPython. interpreter.cc is the only file that sees Python.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/spawner.h"
#include "worker/protocol/job.h"

namespace pyexec {

struct Versions {
  std::string python, numpy, pandas;
};

struct ReportCaps {
  std::uint64_t result_bytes;
  std::uint64_t error_bytes;
};

// One per process. Its functions do not throw: an interpreter that cannot start ends the process
// with a message on stderr, and one that a script broke is reported as such.
class Interpreter {
 public:
  // Runs in the zygote: starts Python, imports the packages, runs the prelude.
  Interpreter();
  // Never finalised: that would touch every page a worker shares with the zygote.
  ~Interpreter() = default;
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Versions versions() const;

  // The repairs Python needs around a fork.
  sandbox::ForkHooks fork_hooks() const;

  // Runs in the worker, jailed: what must differ between workers. `temporary_directory`: where
  // tempfile writes, or "".
  void start_life(const char* temporary_directory) const;
  Report run(const Job& job, const ReportCaps& caps) const;
  // Touches the pages that any script will touch, by running one.
  bool warm_up() const;
};

}  // namespace pyexec
