#include "server/job/answer.h"

#include <csignal>
#include <cstring>

#include "server/base/base64.h"
#include "server/base/utf8.h"
#include "server/job/displays.h"
#include "server/job/media_type.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : std::to_string(signal);
}

void add_verbose(ObjectWriter& members, const Outcome& outcome, const JobRequest& request) {
  add_error_detail(members, outcome);
  members.json("usage", usage_object(outcome.usage));
  members.json("limits", limits_object(request));
}

void add_value(ObjectWriter& members, const Outcome& outcome) {
  members.json("result", outcome.result_json);
  if (!outcome.cell) return;
  const CellValue& cell = *outcome.cell;
  if (!cell.result_problem.empty()) members.text("result_problem", cell.result_problem);
  if (cell.repr)
    members.text("repr", *cell.repr);
  else
    members.json("repr", "null");
}

}  // namespace

void add_result(ObjectWriter& members, const Outcome& outcome) {
  if (outcome.kind == OutcomeKind::ok)
    add_value(members, outcome);
  else
    members.text("error", outcome.error);
  if (!outcome.place) return;
  members.number("cell", outcome.place->cell);
  members.number("head", outcome.place->head);
}

void add_output(ObjectWriter& members, const JobOutput& output, const JobRequest& request) {
  members.text("stdout", output.standard.text());
  if (output.standard.truncated()) members.yes("stdout_truncated");
  if (request.detail != AnswerDetail::verbose) return;
  members.text("stderr", output.errors.text());
  if (output.errors.truncated()) members.yes("stderr_truncated");
}

void add_call(ObjectWriter& members, const ToolCall& call) {
  members.number("id", call.number);
  members.text("name", call.name);
  members.json("args", call.args_json);
}

std::string calls_list(const std::vector<ToolCall>& calls) {
  std::string list = "[";
  for (const ToolCall& call : calls) {
    ObjectWriter members;
    add_call(members, call);
    list += (list.size() > 1 ? ", " : "") + members.object();
  }
  return list + "]";
}

void add_error_detail(ObjectWriter& members, const Outcome& outcome) {
  if (!outcome.error_detail) return members.json("error_detail", "null");
  const ErrorDetail& detail = *outcome.error_detail;
  ObjectWriter inner;
  inner.text("type", detail.type);
  inner.text("message", detail.message);
  inner.number("line", detail.line);
  inner.number("column", detail.column);
  inner.text("traceback", detail.traceback);
  inner.text("source", detail.source);
  inner.number("source_start_line", detail.source_start_line);
  members.json("error_detail", inner.object());
}

void add_files(ObjectWriter& members, const Outcome& outcome) {
  std::string files = "{";
  for (const NamedBytes& file : outcome.files) {
    ObjectWriter inner;
    inner.text("base64", encode_base64(file.bytes));
    inner.number("size", file.bytes.size());
    inner.text("media_type", media_type(file.name));
    if (files.size() > 1) files += ", ";
    append_json_string(files, file.name);
    files += ": " + inner.object();
  }
  members.json("files", files + "}");
}

std::string usage_object(const JobUsage& usage) {
  ObjectWriter members;
  members.milliseconds("queue_ms", usage.queue_ns);
  members.milliseconds("run_ms", usage.run_ns);
  members.milliseconds("total_ms", usage.total_ns);
  if (usage.cpu_ns)
    members.milliseconds("cpu_ms", *usage.cpu_ns);
  else
    members.json("cpu_ms", "null");
  members.number("peak_memory_bytes", usage.peak_memory_bytes);
  members.json("exit_code", usage.exit_code ? std::to_string(*usage.exit_code) : "null");
  if (usage.signal)
    members.text("signal", signal_name(*usage.signal));
  else
    members.json("signal", "null");
  return members.object();
}

std::string limits_object(const JobRequest& request) {
  ObjectWriter members;
  members.number("timeout_ms", request.timeout_ms);
  members.number("memory_mb", request.memory_mb);
  members.number("output_bytes", request.output_bytes);
  return members.object();
}

void add_answer(ObjectWriter& members, const Outcome& outcome, const JobOutput& output,
                const JobRequest& request) {
  add_result(members, outcome);
  const OutcomeKind kind = outcome.kind;
  const bool was_refused = kind == OutcomeKind::busy || kind == OutcomeKind::gone ||
                           kind == OutcomeKind::unknown_template ||
                           kind == OutcomeKind::invalid_request;
  if (was_refused) return;  // there was no job
  add_output(members, output, request);
  if (request.detail == AnswerDetail::verbose) add_verbose(members, outcome, request);
  if (has_displays(outcome, request)) add_displays(members, outcome);
  if (!request.job.options.return_files.empty()) add_files(members, outcome);
}

bool has_displays(const Outcome& outcome, const JobRequest& request) {
  if (request.displays == JobRequest::Displays::if_any)
    return !outcome.displays.empty() || outcome.displays_truncated;
  return request.displays == JobRequest::Displays::always;
}

std::uint64_t answer_bytes(const Outcome& outcome, const JobOutput& output) {
  std::uint64_t bytes = outcome.result_json.size() + outcome.error.size() +
                        output.standard.text().size() + output.errors.text().size();
  if (outcome.cell) bytes += outcome.cell->repr.value_or("").size();
  if (outcome.cell) bytes += outcome.cell->result_problem.size();
  for (const NamedBytes& file : outcome.files) bytes += 2 * file.bytes.size();
  for (const Display& display : outcome.displays)
    for (const NamedBytes& form : display) bytes += 2 * form.bytes.size();
  return bytes;
}

}  // namespace pyexec
