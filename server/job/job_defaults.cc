#include "server/job/job_defaults.h"

namespace pyexec {

JobRequest plain_request(const JobCaps& caps) {
  JobRequest request;
  request.timeout_ms = caps.timeout_ms;
  request.memory_mb = caps.memory_mb;
  if (caps.is_memory_lowered) request.job.memory_bytes = caps.memory_mb << 20;
  request.output_bytes = caps.output_bytes;
  request.job.options.denied_imports = caps.denied_imports;
  return request;
}

void take_over(const JobRequest& defaults, const std::set<std::string_view>& said,
               JobRequest& request) {
  Job& job = request.job;
  const Job& other = defaults.job;
  const bool has_source = said.contains("script") || said.contains("code") || said.contains("call");
  if (!has_source) job.script = other.script;
  if (!said.contains("template")) request.template_name = defaults.template_name;
  if (!said.contains("args") && !said.contains("code")) job.args = other.args;
  if (!said.contains("stdin")) job.stdin_text = other.stdin_text;
  if (!said.contains("files")) job.files = other.files;
  if (!said.contains("env")) job.environment = other.environment;
  if (!said.contains("timeout_ms")) request.timeout_ms = defaults.timeout_ms;
  if (!said.contains("output_bytes")) request.output_bytes = defaults.output_bytes;
  if (!said.contains("memory_mb")) {
    request.memory_mb = defaults.memory_mb;
    job.memory_bytes = other.memory_bytes;
  }
  ReportOptions& options = job.options;
  if (!said.contains("return_files")) {
    options.return_files = other.options.return_files;
    options.files_bytes = other.options.files_bytes;
    options.files_count = other.options.files_count;
    options.files_depth = other.options.files_depth;
  }
  options.denied_imports = other.options.denied_imports;
  if (!has_source) {
    options.is_cell = other.options.is_cell;
    options.is_call = other.options.is_call;
  }
  if (!said.contains("nan")) options.nan_is_null = other.options.nan_is_null;
  if (!said.contains("dataframe")) options.dataframe = other.options.dataframe;
  if (!said.contains("verbose")) {
    request.detail = defaults.detail;
    options.error_detail = other.options.error_detail;
  }
}

}  // namespace pyexec
