// The limits of jobs, as configured. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pyexec {

// timeout_ms, memory_mb and output_bytes are also the defaults of a job that does not ask for less.
struct JobCaps {
  std::uint64_t script_bytes;
  std::uint64_t input_bytes;  // of args, stdin, files and env together
  std::uint64_t timeout_ms;
  std::uint64_t memory_mb;     // MiB
  std::uint64_t output_bytes;  // of stdout, and of stderr
  std::uint64_t result_bytes;
  std::uint64_t result_depth;  // levels; of args too
  std::string env_names;  // allowed for jobs: comma-separated, "X_*" means all that begin with X_
  std::uint64_t files_bytes, files_count, files_depth;  // of the files that a job returns
  std::uint64_t displays_bytes, displays_count;         // of what a job shows
  std::string denied_imports;                           // modules, comma-separated
  std::uint64_t call_bytes;    // of the arguments of a job's calls that wait, and of their answers
  std::uint64_t calls;         // of tools, of one job
  std::uint64_t call_wait_s;   // for the answer to a call
  std::uint64_t calls_wait_s;  // for those to all calls of a job
  bool is_memory_lowered = false;  // memory_mb is below that which workers are made with
};

// The limits of one API key, where they are below the service's.
struct KeyLimits {
  std::optional<std::uint64_t> timeout_ms, memory_mb, sessions = {};
};

// Limit of a job's error text. Not configurable: a useful traceback is shorter.
inline constexpr std::uint64_t kErrorBytes = 64 << 10;

}  // namespace pyexec
