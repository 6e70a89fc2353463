// The limits of jobs, as the service is configured. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace pyexec {

// timeout_ms, memory_mb and output_bytes are also what a job gets that does not ask for less.
struct JobCaps {
  std::uint64_t script_bytes;
  std::uint64_t input_bytes;  // of args, stdin, files and env together
  std::uint64_t args_depth;   // levels
  std::uint64_t timeout_ms;
  std::uint64_t memory_mb;     // MiB
  std::uint64_t output_bytes;  // of stdout, and of stderr
  std::uint64_t result_bytes;
  std::uint64_t result_depth;  // levels
  std::string env_names;  // that a job may be given: comma-separated, "X_*" for all that begin so
  std::uint64_t files_bytes, files_count, files_depth;  // of the files that a job returns
  std::string denied_imports;                           // modules, comma-separated
};

// The error text of a job. No knob: a traceback of any use is shorter.
inline constexpr std::uint64_t kErrorBytes = 64 << 10;

}  // namespace pyexec
