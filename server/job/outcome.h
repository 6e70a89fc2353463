// The outcome of a request: the closed list that clients see in the Pyexec-Outcome header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/job/phases.h"
#include "worker/protocol/job.h"

namespace pyexec {

// name, HTTP status; docs/openapi.yaml explains each
#define PYEXEC_OUTCOMES(X)  \
  X(ok, 200)                \
  X(invalid_request, 400)   \
  X(unauthorized, 401)      \
  X(invalid_script, 400)    \
  X(invalid_arguments, 422) \
  X(exception, 422)         \
  X(not_serializable, 422)  \
  X(time_limit, 422)        \
  X(memory_limit, 422)      \
  X(output_limit, 422)      \
  X(exited, 422)            \
  X(killed, 422)            \
  X(busy, 429)              \
  X(rate_limited, 429)      \
  X(internal, 500)

enum class OutcomeKind : std::uint8_t {
#define X(name, status) name,
  PYEXEC_OUTCOMES(X)
#undef X
};

inline constexpr std::size_t kOutcomes = 0
#define X(name, status) +1
    PYEXEC_OUTCOMES(X)
#undef X
    ;

std::string_view outcome_name(OutcomeKind kind);
unsigned outcome_status(OutcomeKind kind);

// A failure as the script reported it, made valid UTF-8.
struct ErrorDetail {
  std::string type, message, traceback;
  std::optional<std::uint64_t> line, column;       // in the script, from 1
  std::string source;                              // the lines around it
  std::optional<std::uint64_t> source_start_line;  // the first of them
};

// Resources that the job used. Measured by the supervisor, except for an exit code that the script
// names in SystemExit.
struct JobUsage {
  std::uint64_t queue_ns = 0, run_ns = 0, total_ns = 0;
  std::optional<std::uint64_t> cpu_ns, peak_memory_bytes;  // above an idle worker's
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
  bool was_read = true;  // false: its worker was lost before it had read the whole job
};

}  // namespace pyexec
