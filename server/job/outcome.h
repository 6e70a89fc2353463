// What became of a request, as the closed list that clients see in the Pyexec-Outcome header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/job/phases.h"
#include "worker/protocol/job.h"

namespace pyexec {

// name, HTTP status, when
#define PYEXEC_OUTCOMES(X)                                                                        \
  X(ok, 200, "`main()` returned a JSON value")                                                    \
  X(invalid_request, 400,                                                                         \
    "bad JSON, `script` missing, a field that is unknown, given twice, of a wrong type or above " \
    "its limit, too large")                                                                       \
  X(unauthorized, 401, "the service has API keys, and the request has none of them")              \
  X(invalid_script, 400,                                                                          \
    "syntax error, no `main`, `main` is not callable, an import that the service refuses")        \
  X(invalid_arguments, 422, "`main()` does not take these `args`")                                \
  X(exception, 422,                                                                               \
    "the script raised; `error` is the traceback, and a line on what to do, where one helps")     \
  X(not_serializable, 422,                                                                        \
    "`main()` returned what is not JSON: another type, NaN, nested too deeply")                   \
  X(time_limit, 422, "the deadline, counted from admission")                                      \
  X(memory_limit, 422,                                                                            \
    "`MemoryError`, a library that finds no room, or a process that the kernel ended for memory") \
  X(output_limit, 422,                                                                            \
    "the result, or what `return_files` matches, is larger than the cap; it "                     \
    "is never cut")                                                                               \
  X(exited, 422, "`sys.exit`, `os._exit` before `main()` returned")                               \
  X(killed, 422, "a signal: a crash, or somebody's `kill`")                                       \
  X(busy, 429, "too many jobs run and wait; `Retry-After` says when to try again")                \
  X(rate_limited, 429,                                                                            \
    "too many requests of this API key or address; `Retry-After` says when to try again")         \
  X(internal, 500, "not the script's fault: the worker was lost, the service is stopping")

enum class OutcomeKind : std::uint8_t {
#define X(name, status, when) name,
  PYEXEC_OUTCOMES(X)
#undef X
};

inline constexpr std::size_t kOutcomes = 0
#define X(name, status, when) +1
    PYEXEC_OUTCOMES(X)
#undef X
    ;

std::string_view outcome_name(OutcomeKind kind);
unsigned outcome_status(OutcomeKind kind);
std::string_view outcome_meaning(OutcomeKind kind);

// What a failure was, in the script's own words, made valid UTF-8.
struct ErrorDetail {
  std::string type, message, traceback;
  std::optional<std::uint64_t> line, column;       // in the script, from 1
  std::string source;                              // the lines around it
  std::optional<std::uint64_t> source_start_line;  // the number of the first of them
};

// What the job took. Of the supervisor's own knowledge, but for an exit code that the script's
// SystemExit names.
struct JobUsage {
  std::uint64_t queue_ns = 0, run_ns = 0, total_ns = 0;
  std::optional<std::uint64_t> cpu_ns, peak_memory_bytes;  // beyond those of a worker that waits
  std::optional<int> exit_code, signal;
};

// The end of one job.
struct Outcome {
  OutcomeKind kind = OutcomeKind::internal;
  std::string result_json;  // for ok: checked and re-serialised
  std::string error;        // for all others
  std::optional<ErrorDetail> error_detail = {};
  std::vector<NamedBytes> files = {};  // names and bytes checked
  JobUsage usage = {};
  PhaseTimes phases = {};
  bool was_read = true;  // false: its worker was lost before it had all of the job
};

}  // namespace pyexec
