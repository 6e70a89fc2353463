#include "server/job/validate_report.h"

#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <set>

#include "server/base/utf8.h"
#include "server/job/displays.h"
#include "server/job/input_rules.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

Outcome validate_value(const std::string& json, const JobCaps& caps) {
  if (json.size() > caps.result_bytes)
    return failed(OutcomeKind::output_limit, "result is more than the limit of " +
                                                 std::to_string(caps.result_bytes) + " bytes");
  auto checked = reserialise(json, caps.result_depth);
  if (!checked) return failed(OutcomeKind::not_serializable, checked.error().message);
  return {.kind = OutcomeKind::ok, .result_json = std::move(*checked), .error = {}};
}

OutcomeKind outcome_of(ReportKind kind) {
  switch (kind) {
    case ReportKind::value:
      return OutcomeKind::ok;
    case ReportKind::invalid_script:
      return OutcomeKind::invalid_script;
    case ReportKind::exception:
      return OutcomeKind::exception;
    case ReportKind::not_serializable:
      return OutcomeKind::not_serializable;
    case ReportKind::memory_limit:
      return OutcomeKind::memory_limit;
    case ReportKind::output_limit:
      return OutcomeKind::output_limit;
    case ReportKind::exited:
      return OutcomeKind::exited;
    case ReportKind::invalid_arguments:
      return OutcomeKind::invalid_arguments;
  }
  return OutcomeKind::internal;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct TextField {
  const char* name;
  std::string ErrorDetail::*field;
};
struct NumberField {
  const char* name;
  std::optional<std::uint64_t> ErrorDetail::*field;
};
constexpr TextField kTexts[] = {{"type", &ErrorDetail::type},
                                {"message", &ErrorDetail::message},
                                {"traceback", &ErrorDetail::traceback},
                                {"source", &ErrorDetail::source}};
constexpr NumberField kNumbers[] = {{"line", &ErrorDetail::line},
                                    {"column", &ErrorDetail::column},
                                    {"source_start_line", &ErrorDetail::source_start_line}};

// Unknown names are ignored.
void take_detail(const std::vector<NamedBytes>& entries, Outcome& outcome) {
  if (entries.empty()) return;
  ErrorDetail detail;
  for (const NamedBytes& entry : entries) {
    for (const auto& [name, field] : kTexts)
      if (entry.name == name) detail.*field = to_valid_utf8(entry.bytes);
    for (const auto& [name, field] : kNumbers)
      if (entry.name == name) detail.*field = number(entry.bytes);
    // As exit(2) truncates it, whatever the script passed.
    if (const auto code = number(entry.bytes); entry.name == "exit_code" && code)
      outcome.usage.exit_code = static_cast<int>(*code & 0xff);
  }
  if (!detail.type.empty()) outcome.error_detail = std::move(detail);
}

// A cell whose value has no JSON form has run all the same.
void show_cell(const Report& report, Outcome& outcome) {
  CellValue value;
  for (const NamedBytes& entry : report.detail) {
    if (entry.name == "repr") value.repr = to_valid_utf8(entry.bytes);
    if (entry.name == "result_problem") value.result_problem = to_valid_utf8(entry.bytes);
  }
  if (outcome.kind != OutcomeKind::ok) {
    value.result_problem = std::move(outcome.error);
    outcome = {.kind = OutcomeKind::ok, .result_json = "null", .error = {}};
  }
  outcome.cell = std::move(value);
}

// Returns an error message if these files cannot be those that `options` asked for.
std::optional<std::string> problem_with_files(const std::vector<NamedBytes>& files,
                                              const ReportOptions& options) {
  std::uint64_t bytes = 0;
  std::set<std::string_view> names;
  for (const NamedBytes& file : files) {
    bytes += file.bytes.size();
    if (file.name.size() > kReturnedNameBytes || !is_relative_path(file.name) ||
        !names.insert(file.name).second)
      return "the worker's report is malformed";
  }
  if (files.size() > options.files_count || bytes > options.files_bytes)
    return "return_files: more than the limit of " + std::to_string(options.files_count) +
           " files or " + std::to_string(options.files_bytes) + " bytes";
  return std::nullopt;
}

}  // namespace

Outcome failed(OutcomeKind kind, std::string error) {
  return {.kind = kind, .result_json = {}, .error = std::move(error)};
}

Outcome busy(std::string why) {
  return failed(OutcomeKind::busy, std::move(why));
}

Outcome time_exceeded() {
  return failed(OutcomeKind::time_limit, "execution time limit exceeded");
}

Outcome memory_exceeded() {
  return failed(OutcomeKind::memory_limit, "memory limit exceeded");
}

Outcome validate_report(const Untrusted<Report>& untrusted, const ReportOptions& options,
                        const JobCaps& caps) {
  const Report& report = untrusted.unchecked();
  Outcome outcome = report.kind == ReportKind::value
                        ? validate_value(report.text, caps)
                        : failed(outcome_of(report.kind), to_valid_utf8(report.text));
  if (options.error_detail == 1 && outcome.kind != OutcomeKind::ok)
    take_detail(report.detail, outcome);
  if (options.is_cell == 1 && report.kind == ReportKind::value) show_cell(report, outcome);
  if (options.displays_count > 0) take_displays(report.displays, options, outcome);
  if (options.return_files.empty()) return outcome;
  std::vector<NamedBytes> files;
  for (const NamedBytes& file : report.files)
    files.push_back({to_valid_utf8(file.name), file.bytes});
  if (const auto problem = problem_with_files(files, options))
    return failed(OutcomeKind::output_limit, *problem);
  outcome.files = std::move(files);
  return outcome;
}

Outcome outcome_of_death(int wait_status, const ReportOptions& options) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    if (signal == SIGXCPU) return time_exceeded();
    const char* name = ::sigabbrev_np(signal);
    return failed(OutcomeKind::killed, "script was killed by signal " + std::to_string(signal) +
                                           " (SIG" + (name != nullptr ? name : "?") + ")");
  }
  const int status = WEXITSTATUS(wait_status);
  if (status == kExitChannelLost)
    return failed(OutcomeKind::exited, "script closed the descriptor that its result is sent on");
  if (options.is_cell == 1)
    return failed(OutcomeKind::exited,
                  "code exited with status " + std::to_string(status) + " before its end");
  return failed(OutcomeKind::exited,
                "script exited with status " + std::to_string(status) + " before main() returned");
}

}  // namespace pyexec
