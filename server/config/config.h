// Every setting of the server: one table (knobs.h), read from flags and PYEXEC_* variables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pyexec {

struct Config {
  std::string address;
  std::string worker_path;
  std::string env_names;
  std::string deny_imports;
  std::string keys_file;
  std::string cors_origins;
  std::string tools_dir;
  std::string packages_dir;
  std::string preimport;
  std::string log;
  std::string push_results;
  std::string trace_project;
  std::string memory_image;  // auto or off
  std::string keep_jails;    // auto or off
  std::uint64_t port;
  std::uint64_t pool_workers;
  std::uint64_t running_jobs;
  std::uint64_t queued_jobs;
  std::uint64_t timeout_ms;
  std::uint64_t memory_mb;
  std::uint64_t script_bytes;
  std::uint64_t input_bytes;
  std::uint64_t body_mb;
  std::uint64_t output_bytes;
  std::uint64_t result_bytes;
  std::uint64_t result_depth;
  std::uint64_t return_files;
  std::uint64_t return_bytes;
  std::uint64_t return_depth;
  std::uint64_t displays;
  std::uint64_t display_bytes;
  std::uint64_t tmp_mb;
  std::uint64_t tmp_inodes;
  std::uint64_t file_mb;
  std::uint64_t open_files;
  std::uint64_t processes;
  std::uint64_t zygote_jobs;
  std::uint64_t zygote_minutes;
  std::uint64_t zygote_start_ms;
  std::uint64_t connections;
  std::uint64_t rate_per_minute;
  std::uint64_t rate_burst;
  std::uint64_t read_timeout_ms;
  std::uint64_t idle_timeout_ms;
  std::uint64_t ping_ms;
  std::uint64_t queue_window_s;
  std::uint64_t drain_ms;
  std::uint64_t lame_duck_ms;
  std::uint64_t min_level;
  std::uint64_t max_level;
  std::uint64_t sessions;
  std::uint64_t sessions_per_key;
  std::uint64_t session_idle_s;
  std::uint64_t session_life_s;
  std::uint64_t session_states;
  std::uint64_t session_memory_mb;
  std::uint64_t templates;
  std::uint64_t templates_per_key;
  std::uint64_t template_idle_s;
  std::uint64_t template_jails;
  std::uint64_t template_memory_mb;
  std::uint64_t jobs;
  std::uint64_t jobs_per_key;
  std::uint64_t job_keep_s;
  std::uint64_t job_memory_mb;
  std::uint64_t parked;
  std::uint64_t parked_per_key;
  std::uint64_t call_wait_s;
  std::uint64_t calls_wait_s;
  std::uint64_t call_bytes;
  std::uint64_t calls;
  std::uint64_t playground;  // 0 or 1
  std::uint64_t share_port;  // 0 or 1
  std::uint64_t allow_weak;  // 0 or 1
};

struct ConfigResult {
  enum class Next { serve, probe, exit_ok, exit_usage };
  Next next;
  Config config;
  std::string message;  // for standard output (exit_ok) or standard error (exit_usage)
};

// Flags win over variables, variables over defaults. An unknown name, or a value that is not a
// number in its range, is an error that names it.
ConfigResult read_config(int argc, const char* const* argv, const char* const* environment);

}  // namespace pyexec
