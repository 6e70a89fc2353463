// The embedded CPython. interpreter.cc, with builtins.cc and tool_channel.cc, is all that sees
// Python.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/job/memory_layout.h"
#include "worker/job/sqlite_locks.h"
#include "worker/protocol/control.h"
#include "worker/protocol/job.h"

namespace pyexec {

struct Versions {
  std::string python, numpy, pandas;
};

struct ReportCaps {
  std::uint64_t result_bytes;
  std::uint64_t error_bytes;
};

// The operator's: a directory that scripts import from, and modules, comma-separated, that are
// imported before there is any; "" for none.
struct OwnPackages {
  const char *directory, *preimport;
};

// One per process. Its functions do not throw: an interpreter that cannot start ends the process
// with a message on stderr, and an interpreter that a script broke is reported as such.
class Interpreter {
 public:
  // Runs in the zygote: starts Python, imports the packages, runs the prelude, and prepares for any
  // number of forks. From then on this process runs no Python; its forks do, after `start_life`.
  Interpreter(Locking locking, const OwnPackages& packages, MemoryForm memory);
  // Never finalised: that would touch every page that a worker shares with the zygote.
  ~Interpreter() = default;
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  const Versions& versions() const { return versions_; }
  const ImageResult& image() const { return image_; }

  // Runs in the jailed worker. `temporary_directory`: where tempfile writes, or "".
  void start_life(const char* temporary_directory) const;
  Report run(const Job& job, const ReportCaps& caps) const;
  // A fork of a process that has run a script, in this order around fork(2). What the script has
  // registered with os.register_at_fork runs. keeps_random: whether both go on with the same random
  // numbers.
  void before_fork(bool keeps_random) const;
  void after_fork_in_parent() const;
  void after_fork_in_child(bool keeps_random) const;
  // Runs a script or two of the kind that workers of this preload are for.
  bool warm_up(Preload preload) const;

 private:
  bool seed_numpy() const;

  // The state of numpy's global generator (numpy_random_state in prelude.py).
  struct NumpyRandom {
    std::uint32_t words[624];
    std::int32_t position;
  };

  Versions versions_;
  ImageResult image_ = {};
  NumpyRandom* numpy_random_ = nullptr;
};

}  // namespace pyexec
