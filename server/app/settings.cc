#include "server/app/settings.h"

#include <algorithm>
#include <thread>

namespace pyexec {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = 1 << 20;

JobCaps job_caps_of(const Config& config) {
  return {.script_bytes = config.script_bytes,
          .input_bytes = config.input_bytes,
          .timeout_ms = config.timeout_ms,
          .memory_mb = config.memory_mb,
          .output_bytes = config.output_bytes,
          .result_bytes = config.result_bytes,
          .result_depth = config.result_depth,
          .env_names = config.env_names,
          .files_bytes = config.return_bytes,
          .files_count = config.return_files,
          .files_depth = config.return_depth,
          .displays_bytes = config.display_bytes,
          .displays_count = config.displays,
          .denied_imports = config.deny_imports,
          .call_bytes = config.call_bytes,
          .calls = config.calls,
          .call_wait_s = config.call_wait_s,
          .calls_wait_s = std::max(config.call_wait_s, config.calls_wait_s)};
}

// Base64 and escapes make an answer larger than the job's limits.
std::uint64_t largest_answer_bytes(const Config& config) {
  constexpr std::uint64_t kLongestEscape = 6;
  return config.result_bytes * 2 + config.return_bytes * 2 + config.display_bytes * kLongestEscape +
         config.output_bytes * 2 * kLongestEscape + kMiB;
}

// The text fits: packages_dir.h has checked it.
template <std::size_t Size>
void put(const std::string& text, std::array<char, Size>& out) {
  std::copy_n(text.begin(), std::min(text.size(), Size - 1), out.begin());
}

}  // namespace

Configure worker_configuration(const Config& config) {
  const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  Configure configure = {
      .protocol_version = kProtocolVersion,
      .allow_weak = static_cast<std::uint32_t>(config.allow_weak),
      .max_level = static_cast<std::uint32_t>(config.max_level),
      .no_image = config.memory_image == "off" ? 1u : 0u,
      .fresh_jails = config.keep_jails == "off" ? 1u : 0u,
      .reserved = 0,
      .memory_bytes = config.memory_mb * kMiB,
      // All cores for the whole time: a backstop for anything that outlives the wall-clock
      // limit.
      .cpu_seconds = (config.timeout_ms / 1000 + 1) * cores + 1,
      .file_bytes = config.file_mb * kMiB,
      .open_files = config.open_files,
      .processes = config.processes,
      .tmp_bytes = config.tmp_mb * kMiB,
      .tmp_inodes = config.tmp_inodes,
      .shm_bytes = config.tmp_mb * kMiB,
      .result_bytes = config.result_bytes,
      .error_bytes = kErrorBytes,
      .group_bytes = 0,
      .session_memory_bytes = config.session_memory_mb * kMiB,
      .session_processes = config.processes + config.session_states + 2 * config.running_jobs};
  put(config.packages_dir, configure.packages_dir);
  put(config.preimport, configure.preimport);
  return configure;
}

WantedIsolation wanted_isolation(const Config& config) {
  return {.min_level = config.min_level,
          .max_level = config.max_level,
          .pool_workers = config.pool_workers,
          .running_jobs = config.running_jobs,
          .parked_jobs = config.parked};
}

EngineLimits engine_limits(const Config& config) {
  return {.caps = job_caps_of(config),
          .pool = {.workers = config.pool_workers,
                   .running_jobs = config.running_jobs,
                   .zygotes = {.workers = config.zygote_jobs,
                               .age = std::chrono::minutes(config.zygote_minutes),
                               .start = milliseconds(config.zygote_start_ms)}},
          .queued_jobs = config.queued_jobs,
          .sessions = {.sessions = config.sessions,
                       .sessions_per_owner = config.sessions_per_key,
                       .idle = std::chrono::seconds(config.session_idle_s),
                       .life = std::chrono::seconds(config.session_life_s),
                       .kept_states = config.session_states,
                       .memory_bytes = config.session_memory_mb * kMiB,
                       .running_cells = config.running_jobs,
                       .make_time = milliseconds(config.zygote_start_ms)},
          .templates = {.templates = config.templates,
                        .templates_per_owner = config.templates_per_key,
                        .idle = std::chrono::seconds(config.template_idle_s),
                        .jails = config.template_jails,
                        .memory_bytes = config.template_memory_mb * kMiB,
                        .running_jobs = config.running_jobs,
                        .make_time = milliseconds(config.zygote_start_ms)},
          .tool_jobs = {.jobs = config.parked,
                        .jobs_per_owner = config.parked_per_key,
                        .wait = std::chrono::seconds(config.call_wait_s)},
          .kept_jobs = {.jobs = config.jobs,
                        .jobs_per_owner = config.jobs_per_key,
                        .bytes = config.job_memory_mb * kMiB,
                        .keep = std::chrono::seconds(config.job_keep_s)},
          .tools_dir = config.tools_dir};
}

AccessSettings access_settings(const Config& config) {
  AccessSettings settings = {.keys_file = config.keys_file, .address_rate = std::nullopt};
  if (config.rate_per_minute > 0)
    settings.address_rate =
        Rate{static_cast<double>(config.rate_per_minute) / 60, config.rate_burst};
  return settings;
}

HttpLimits http_limits(const Config& config) {
  const std::uint64_t body_bytes = largest_body_bytes(job_caps_of(config));
  const std::uint64_t file_bytes = std::min(config.tmp_mb, config.body_mb / 2) * kMiB;
  return {.connections = config.connections,
          .body_bytes = body_bytes,
          .file_bytes = std::max(body_bytes, file_bytes),
          .answer_bytes = largest_answer_bytes(config),
          .all_body_bytes = config.body_mb * kMiB,
          .read_timeout = milliseconds(config.read_timeout_ms),
          .idle_timeout = milliseconds(config.idle_timeout_ms)};
}

ApiSettings api_settings(const Config& config) {
  return {.ping = milliseconds(config.ping_ms),
          .push_results = config.push_results == "log" ? PushResults::log : PushResults::none,
          .scratch_bytes = config.tmp_mb * kMiB,
          .has_playground = config.playground == 1};
}

DrainTimes drain_times(const Config& config) {
  return {.lame_duck = milliseconds(config.lame_duck_ms), .drain = milliseconds(config.drain_ms)};
}

}  // namespace pyexec
