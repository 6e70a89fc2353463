// The job and the report that the server and a worker exchange, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pyexec {

// A name and its value: a file's path below the job's working directory and its bytes, or an
// environment variable.
struct NamedBytes {
  std::string name, bytes;

  bool operator==(const NamedBytes&) const = default;
};

// What a job has to do with a template: the set-up makes the state that its jobs are forked from.
enum class TemplatePart : std::uint64_t { none = 0, setup = 1, job = 2 };

// How a result's DataFrames are written.
enum class DataFrameForm : std::uint64_t { records = 0, split = 1, csv = 2 };

// The optional contents of a job's report, and the limits on them.
struct ReportOptions {
  std::uint64_t error_detail = 0;         // 1: with detail on a failure
  std::uint64_t nan_is_null = 0;          // 1: NaN and infinities become null; 0: they are an error
  std::vector<std::string> return_files;  // patterns of file names; none: no files
  std::uint64_t files_bytes = 0, files_count = 0, files_depth = 0;  // limits
  std::string denied_imports;                                       // modules, comma-separated
  std::uint64_t is_cell = 0;  // 1: the script is a cell; the report has the repr of its last value
  // 1 + its number in its session, whose names it finds and leaves; 0: there is none. The set-up
  // has number 0. The jobs of a template have numbers in the same way.
  std::uint64_t session_cell = 0;
  TemplatePart template_part = TemplatePart::none;
  // 1: the script is the name of a function to call; 2: whose types the arguments have to be of
  std::uint64_t is_call = 0;
  std::uint64_t only_new_files = 0;  // 1: of the files that match, those that the job has written
  std::uint64_t displays_count = 0, displays_bytes = 0;  // limits; 0: it shows nothing
  DataFrameForm dataframe = DataFrameForm::records;

  bool operator==(const ReportOptions&) const = default;
};

struct Job {
  std::string script;      // UTF-8, may hold anything a client can send, NUL included
  std::string args;        // of main(): a JSON array or object; "": none
  std::string stdin_text;  // UTF-8
  std::vector<NamedBytes> files, environment;
  // Address space of each process on top of the warm interpreter; 0: unchanged from the worker's.
  std::uint64_t memory_bytes = 0;
  ReportOptions options;
  std::string tools =
      {};  // the caller's functions, as python_env/runtime/tools.py reads them; "": none

  bool operator==(const Job&) const = default;
  // Returns its approximate encoded size.
  std::uint64_t bytes() const {
    std::uint64_t sum = script.size() + args.size() + stdin_text.size() + tools.size();
    for (const NamedBytes& file : files) sum += file.bytes.size();
    return sum;
  }
};

// The kinds of report that a worker can send. Ends that its supervisor knows better (out of time,
// how it died) are not in this list.
enum class ReportKind : std::uint8_t {
  value = 1,           // text: main()'s return value as JSON
  invalid_script = 2,  // text: why
  exception = 3,       // text: traceback
  not_serializable = 4,
  memory_limit = 5,
  output_limit = 6,       // the value is larger than the server accepts
  exited = 7,             // SystemExit
  invalid_arguments = 8,  // text: why main() does not accept them
};
inline constexpr auto kLastReportKind = ReportKind::invalid_arguments;

// Exit codes of a worker whose job ended without a report. A script can exit with them too, so they
// only select the text of its outcome `exited`.
inline constexpr int kExitBadFrame = 120;     // a defect of this service
inline constexpr int kExitChannelLost = 121;  // the script closed the job socket

// Calls of the caller's functions, by a job that waits for the answers.
struct ToolCalls {
  std::uint64_t first = 0;       // number of the first; the others' follow. A job's first call is 1
  std::uint64_t may_follow = 0;  // 1: another thread of the job runs, and may call soon
  std::vector<NamedBytes> calls = {};  // name of the function, its arguments as JSON
};
inline constexpr std::size_t kMostCallsAtOnce = 100;  // that a job may wait for

// The answer to one call.
struct ToolAnswer {
  std::uint64_t number = 0;
  std::uint64_t is_error = 0;  // 1: `text` is an error message; 0: JSON
  std::string text = {};

  bool operator==(const ToolAnswer&) const = default;
};

// In nanoseconds of CLOCK_MONOTONIC.
struct RunTimes {
  std::uint64_t began_ns, ended_ns;
  std::uint64_t grown_bytes = 0;  // of a cell of a session: by how much its process has grown
};

struct Report {
  ReportKind kind;
  std::string text;
  RunTimes times = {};
  // By name: details of a failure, or what a cell shows of its value (ErrorDetail and CellValue in
  // server/job/outcome.h). At most kMostDetails.
  std::vector<NamedBytes> detail = {};
  std::vector<NamedBytes> files = {};
  // What the job has shown: the number of a display and a media type, and the data; the same
  // number for each form of one thing. An entry "truncated" if something was left out.
  std::vector<NamedBytes> displays = {};
};
inline constexpr std::uint64_t kMostDisplayForms = 10;  // of one thing
// Of one display, beside its data.
inline constexpr std::uint64_t kDisplayOverheadBytes = 64 * kMostDisplayForms;
inline constexpr std::size_t kMostDetails = 16;
inline constexpr std::uint64_t kDetailBytes = 192 << 10;  // all together, with their names

// Marks data from a process that runs a script as unchecked.
template <typename T>
class Untrusted {
 public:
  explicit Untrusted(T value) : value_(std::move(value)) {}
  // The caller checks what it uses.
  const T& unchecked() const { return value_; }

 private:
  T value_;
};

}  // namespace pyexec
