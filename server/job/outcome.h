// The end of one job. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/job/outcome_kind.h"
#include "server/job/phases.h"
#include "worker/protocol/job.h"

namespace pyexec {

// A failure as the script reported it, made valid UTF-8.
struct ErrorDetail {
  std::string type, message, traceback;
  std::optional<std::uint64_t> line, column;       // in the script, from 1
  std::string source;                              // the lines around it
  std::optional<std::uint64_t> source_start_line;  // the first of them
};

// The value of a cell's last expression beside its JSON form, as the cell reported it, made valid
// UTF-8.
struct CellValue {
  std::optional<std::string> repr;  // none: there is no such value, or it is None
  std::string result_problem;       // why the result is null although the value is not; or ""
};

// Resources that the job used. Measured by the supervisor, except for an exit code that the script
// names in SystemExit.
struct JobUsage {
  std::uint64_t queue_ns = 0, run_ns = 0, total_ns = 0;
  std::optional<std::uint64_t> cpu_ns, peak_memory_bytes;  // above an idle worker's
  std::optional<int> exit_code, signal;
};

// A cell's place in its session.
struct CellPlace {
  std::uint64_t cell;
  std::uint64_t head;  // the cell whose state the next one finds: this one, if its state is kept
};

// One thing that a job has shown, in one or several media types.
using Display = std::vector<NamedBytes>;  // media type, data: text as UTF-8

// The end of one job.
struct Outcome {
  OutcomeKind kind = OutcomeKind::internal;
  std::string result_json;  // for ok: checked and re-serialised
  std::string error;        // for all others
  std::optional<ErrorDetail> error_detail = {};
  std::optional<CellValue> cell = {};   // for ok, of a cell
  std::optional<CellPlace> place = {};  // of a session's cell
  std::vector<NamedBytes> files = {};   // names and bytes checked
  std::vector<Display> displays = {};   // checked
  bool displays_truncated = false;      // more was shown than may be
  JobUsage usage = {};
  PhaseTimes phases = {};
  bool was_read = true;  // false: its worker was lost before it had read the whole job
};

}  // namespace pyexec
