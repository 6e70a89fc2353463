#include "server/config/knobs.h"

#include <algorithm>
#include <thread>

namespace pyexec {
namespace {

std::uint64_t cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

const std::vector<NumberKnob>& number_knobs() {
  static const std::vector<NumberKnob> knobs = {
      {"--port", "PYEXEC_PORT", "port", &Config::port, 8080, 0, 65535,
       "TCP port to listen on; 0 takes a free one; $PORT is used where this is not set"},
      {"--pool", "PYEXEC_POOL", "workers", &Config::pool_workers,
       std::max<std::uint64_t>(8, 4 * cores()), 1, 4096, "parked workers kept ready"},
      {"--running", "PYEXEC_RUNNING", "jobs", &Config::running_jobs,
       std::max<std::uint64_t>(8, 4 * cores()), 1, 4096, "jobs that run at the same time"},
      {"--max-queued", "PYEXEC_MAX_QUEUED", "jobs", &Config::queued_jobs, 256, 0, 100000,
       "jobs that wait beyond those; more are answered with 429"},
      {"--timeout-ms", "PYEXEC_TIMEOUT_MS", "ms", &Config::timeout_ms, 30000, 10, 3600000,
       "wall time of a job from its admission, time in the queue included"},
      {"--memory-mb", "PYEXEC_MEMORY_MB", "MiB", &Config::memory_mb, 1024, 16, 1048576,
       "address space of each process of a job, on top of the warm interpreter"},
      {"--script-bytes", "PYEXEC_SCRIPT_BYTES", "bytes", &Config::script_bytes, 200 * 1024, 1,
       64 << 20, "largest script, as UTF-8"},
      {"--input-bytes", "PYEXEC_INPUT_BYTES", "bytes", &Config::input_bytes, 4 << 20, 0, 256 << 20,
       "args, stdin, files and env of a job together"},
      {"--body-mb", "PYEXEC_BODY_MB", "MiB", &Config::body_mb, 256, 1, 1048576,
       "bodies of requests that are there at the same time, and as much again for answers that "
       "wait to be read; one client has at most what is left free of it, and more is answered with "
       "429"},
      {"--output-bytes", "PYEXEC_OUTPUT_BYTES", "bytes", &Config::output_bytes, 1 << 20, 0, 1 << 30,
       "standard output that is kept; the rest is read and dropped"},
      {"--result-bytes", "PYEXEC_RESULT_BYTES", "bytes", &Config::result_bytes, 8 << 20, 2, 1 << 30,
       "largest result, as JSON"},
      {"--result-depth", "PYEXEC_RESULT_DEPTH", "levels", &Config::result_depth, 500, 1, 100000,
       "deepest nesting of a result"},
      {"--return-files", "PYEXEC_RETURN_FILES", "files", &Config::return_files, 100, 0, 10000,
       "files that a job may return"},
      {"--return-bytes", "PYEXEC_RETURN_BYTES", "bytes", &Config::return_bytes, 8 << 20, 0, 1 << 30,
       "all files that a job returns together"},
      {"--return-depth", "PYEXEC_RETURN_DEPTH", "directories", &Config::return_depth, 16, 0, 100,
       "directories that a returned file may lie in, one in the other"},
      {"--displays", "PYEXEC_DISPLAYS", "displays", &Config::displays, 50, 0, 1000,
       "plots, tables and pictures that a job may show"},
      {"--display-bytes", "PYEXEC_DISPLAY_BYTES", "bytes", &Config::display_bytes, 4 << 20, 0,
       1 << 30, "all that a job shows together"},
      {"--tmp-mb", "PYEXEC_TMP_MB", "MiB", &Config::tmp_mb, 100, 1, 1048576,
       "size of a job's /tmp, and of its /dev/shm"},
      {"--tmp-inodes", "PYEXEC_TMP_INODES", "inodes", &Config::tmp_inodes, 16384, 16, 1 << 24,
       "files and directories in a job's /tmp, and in its /dev/shm"},
      {"--file-mb", "PYEXEC_FILE_MB", "MiB", &Config::file_mb, 100, 1, 1048576,
       "largest file of a job"},
      {"--open-files", "PYEXEC_OPEN_FILES", "descriptors", &Config::open_files, 256, 16, 65536,
       "open descriptors of each process of a job"},
      {"--processes", "PYEXEC_PROCESSES", "processes", &Config::processes, 64, 1, 65536,
       "processes and threads of a job, beside its first"},
      {"--zygote-jobs", "PYEXEC_ZYGOTE_JOBS", "jobs", &Config::zygote_jobs, 100000, 0, 1000000000,
       "jobs after which the warm interpreter that workers are forked from is replaced; 0 is "
       "never"},
      {"--zygote-minutes", "PYEXEC_ZYGOTE_MINUTES", "min", &Config::zygote_minutes, 60, 0, 1000000,
       "the same, by its age; 0 is never"},
      {"--zygote-start-ms", "PYEXEC_ZYGOTE_START_MS", "ms", &Config::zygote_start_ms, 60000, 10,
       3600000, "time for a warm interpreter to get warm; then another one is started"},
      {"--connections", "PYEXEC_CONNECTIONS", "connections", &Config::connections, 10000, 1,
       1000000,
       "open client connections; for more, those without a job are closed, the oldest first"},
      {"--rate-per-minute", "PYEXEC_RATE_PER_MINUTE", "requests", &Config::rate_per_minute, 0, 0,
       1000000000, "requests a minute that a client address may send; 0 is no limit"},
      {"--rate-burst", "PYEXEC_RATE_BURST", "requests", &Config::rate_burst, 60, 1, 1000000,
       "requests that a client address that was quiet may send at once"},
      {"--read-timeout-ms", "PYEXEC_READ_TIMEOUT_MS", "ms", &Config::read_timeout_ms, 30000, 10,
       3600000, "time for a client to send a request, and to take an answer"},
      {"--idle-timeout-ms", "PYEXEC_IDLE_TIMEOUT_MS", "ms", &Config::idle_timeout_ms, 75000, 10,
       3600000, "time a connection may stay open without a request"},
      {"--ping-ms", "PYEXEC_PING_MS", "ms", &Config::ping_ms, 5000, 10, 3600000,
       "silence on a live answer after which the client is pinged"},
      {"--queue-window-s", "PYEXEC_QUEUE_WINDOW_S", "s", &Config::queue_window_s, 3600, 0, 86400,
       "time in which a message of Pub/Sub or Cloud Tasks that was run is not run again"},
      {"--sessions", "PYEXEC_SESSIONS", "sessions", &Config::sessions, 100, 0, 4096,
       "open sessions; more are answered with 429, and 0 is none at all"},
      {"--sessions-per-key", "PYEXEC_SESSIONS_PER_KEY", "sessions", &Config::sessions_per_key, 20,
       1, 4096, "the same, of one API key or, without keys, of one client address"},
      {"--session-idle-s", "PYEXEC_SESSION_IDLE_S", "s", &Config::session_idle_s, 600, 1, 86400,
       "time after which a session ends that nobody uses; a request may ask for less"},
      {"--session-life-s", "PYEXEC_SESSION_LIFE_S", "s", &Config::session_life_s, 3600, 1, 604800,
       "time after which a session ends in any case"},
      {"--session-states", "PYEXEC_SESSION_STATES", "states", &Config::session_states, 10, 2, 256,
       "states that a session keeps to go back to; the least lately used goes first"},
      {"--session-memory-mb", "PYEXEC_SESSION_MEMORY_MB", "MiB", &Config::session_memory_mb, 2048,
       32, 1048576,
       "memory of a session, where level 4 is reached: half of it for states that are kept"},
      {"--templates", "PYEXEC_TEMPLATES", "templates", &Config::templates, 100, 0, 4096,
       "prepared templates; the least lately used goes first, and 0 is none at all"},
      {"--templates-per-key", "PYEXEC_TEMPLATES_PER_KEY", "templates", &Config::templates_per_key,
       20, 1, 4096, "the same, of one API key or, without keys, of one client address"},
      {"--template-idle-s", "PYEXEC_TEMPLATE_IDLE_S", "s", &Config::template_idle_s, 3600, 1,
       604800, "time after which a template ends that nobody uses"},
      {"--template-jails", "PYEXEC_TEMPLATE_JAILS", "jails", &Config::template_jails, 4, 1, 256,
       "jobs of one template that run at the same time, each in a jail whose set-up has run"},
      {"--template-memory-mb", "PYEXEC_TEMPLATE_MEMORY_MB", "MiB", &Config::template_memory_mb,
       4096, 32, 1048576, "memory of all templates; the least lately used goes first"},
      {"--jobs", "PYEXEC_JOBS", "jobs", &Config::jobs, 1000, 0, 1000000,
       "jobs whose callers do not wait (Prefer: respond-async), running or with a kept answer"},
      {"--jobs-per-key", "PYEXEC_JOBS_PER_KEY", "jobs", &Config::jobs_per_key, 200, 0, 1000000,
       "the same, of one client"},
      {"--job-keep-s", "PYEXEC_JOB_KEEP_S", "s", &Config::job_keep_s, 600, 1, 86400,
       "how long the answer of such a job is kept"},
      {"--job-memory-mb", "PYEXEC_JOB_MEMORY_MB", "MiB", &Config::job_memory_mb, 64, 1, 1048576,
       "kept answers together; the oldest are dropped for newer ones"},
      {"--parked", "PYEXEC_PARKED", "jobs", &Config::parked, 64, 0, 4096,
       "jobs with tools, whether they run or wait for an answer; more are answered with 429, and 0 "
       "is none at all"},
      {"--parked-per-key", "PYEXEC_PARKED_PER_KEY", "jobs", &Config::parked_per_key, 16, 1, 4096,
       "the same, of one API key or, without keys, of one client address"},
      {"--call-wait-s", "PYEXEC_CALL_WAIT_S", "s", &Config::call_wait_s, 300, 1, 86400,
       "time for the answer to a call of a tool; then the job is ended"},
      {"--calls-wait-s", "PYEXEC_CALLS_WAIT_S", "s", &Config::calls_wait_s, 3600, 1, 864000,
       "time that a job may wait for answers in all, at least that of one; then it is ended"},
      {"--call-bytes", "PYEXEC_CALL_BYTES", "bytes", &Config::call_bytes, 1 << 20, 64, 256 << 20,
       "arguments of all calls of a job that wait for an answer, and the answers of one request"},
      {"--calls", "PYEXEC_CALLS", "calls", &Config::calls, 10000, 1, 1000000000,
       "calls of tools that one job may make"},
      {"--drain-ms", "PYEXEC_DRAIN_MS", "ms", &Config::drain_ms, 8000, 0, 3600000,
       "time for accepted requests to finish, once nothing new is accepted"},
      {"--lame-duck-ms", "PYEXEC_LAME_DUCK_MS", "ms", &Config::lame_duck_ms, 0, 0, 3600000,
       "time after SIGTERM in which requests are still accepted while /health answers 503"},
      {"--min-level", "PYEXEC_MIN_LEVEL", "level", &Config::min_level, 1, 1, 4,
       "weakest isolation level to serve at; below it the server does not start"},
      {"--max-level", "PYEXEC_MAX_LEVEL", "level", &Config::max_level, 4, 1, 4,
       "strongest isolation level to set up: to see what scripts can do at a weaker one"},
      {"--playground", "PYEXEC_PLAYGROUND", "switch", &Config::playground, 1, 0, 1,
       "GET / is a page to try the service on; 0 leaves the page about it"},
      {"--share-port", "PYEXEC_SHARE_PORT", "switch", &Config::share_port, 0, 0, 1,
       "other instances with this switch, started by the same user, listen on the same port: the "
       "kernel deals connections out among them"},
      {"--allow-weak", "PYEXEC_ALLOW_WEAK", "switch", &Config::allow_weak, 0, 0, 1,
       "serve with a system call filter alone, where the kernel has nothing else; wants "
       "PYEXEC_RUNNING=1"},
  };
  return knobs;
}

const std::vector<TextKnob>& text_knobs() {
  static const std::vector<TextKnob> knobs = {
      {"--address", "PYEXEC_ADDRESS", &Config::address, "127.0.0.1",
       "IP address to listen on; 0.0.0.0 is every interface"},
      {"--env-names", "PYEXEC_ENV_NAMES", &Config::env_names, "TZ,LANG,LC_*,JOB_*",
       "names of variables that a request may set for its job; X_* is all that begin with X_"},
      {"--deny-imports", "PYEXEC_DENY_IMPORTS", &Config::deny_imports, "",
       "modules that scripts may not import, comma-separated: a policy, not a security boundary"},
      {"--keys-file", "PYEXEC_KEYS_FILE", &Config::keys_file, "",
       "file of the API keys that may send jobs; without one everybody may"},
      {"--tools-dir", "PYEXEC_TOOLS_DIR", &Config::tools_dir, "",
       "directory of scripts that are endpoints: main() of NAME.py is POST /tools/NAME, and a tool "
       "of POST /mcp"},
      {"--packages-dir", "PYEXEC_PACKAGES_DIR", &Config::packages_dir, "",
       "directory that scripts import from, too: of pip install --target, or the site-packages of "
       "a "
       "venv"},
      {"--preimport", "PYEXEC_PREIMPORT", &Config::preimport, "",
       "modules that are imported before there is any job, comma-separated: scripts have them at "
       "once"},
      {"--cors-origins", "PYEXEC_CORS_ORIGINS", &Config::cors_origins, "",
       "origins whose pages may read answers in a browser, comma-separated; * is every one"},
      {"--log",
       "PYEXEC_LOG",
       &Config::log,
       "auto",
       "json: an object a line and request, on standard output; text: a sentence, on standard "
       "error; quiet: as text, without requests; auto: text on a terminal, else json",
       {"auto", "json", "text", "quiet"}},
      {"--push-results",
       "PYEXEC_PUSH_RESULTS",
       &Config::push_results,
       "none",
       "log: what became of a message of Pub/Sub or Cloud Tasks is a line of the log too, with "
       "what "
       "the job returned and printed",
       {"none", "log"}},
      {"--trace-project", "PYEXEC_TRACE_PROJECT", &Config::trace_project, "",
       "project of Google Cloud that traces in the log belong to; $GOOGLE_CLOUD_PROJECT is used "
       "where this is not set"},
      {"--memory-image",
       "PYEXEC_MEMORY_IMAGE",
       &Config::memory_image,
       "auto",
       "auto: workers are forked from an image of the warm interpreter's memory where the kernel "
       "can make one, which is faster; off: from its memory as it is",
       {"auto", "off"}},
      {"--keep-jails",
       "PYEXEC_KEEP_JAILS",
       &Config::keep_jails,
       "auto",
       "auto: a jail that a job has provably left untouched gets the next one, which is faster; "
       "off: "
       "a new jail for each job",
       {"auto", "off"}},
      {"--worker", "PYEXEC_WORKER", &Config::worker_path, "",
       "path of pyexec-worker; by default the one beside this program"},
  };
  return knobs;
}

}  // namespace pyexec
