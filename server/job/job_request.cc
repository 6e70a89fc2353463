#include "server/job/job_request.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "server/job/cell_source.h"
#include "server/job/field_hints.h"
#include "server/job/field_values.h"
#include "server/job/input_rules.h"
#include "server/job/job_defaults.h"
#include "server/json/json_fields.h"
#include "server/json/json_text.h"
#include "server/json/object_writer.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

constexpr const char* kNoScript = "'script' field is required";

enum class Body { request, batch_line, cell, session, template_setup };

// Handles each member of the outermost object with its own function.
class JobHandler {
 public:
  // Copies from `defaults` only the fields that a valid request needs.
  JobHandler(const JobCaps& caps, Body body, const JobRequest& defaults)
      : caps_(caps), body_(body), defaults_(defaults), values_(caps, defaults.idle_s) {}

  void begin_field(std::string_view name) {
    const auto known = std::find_if(fields().begin(), fields().end(),
                                    [&](const Field& field) { return field.name == name; });
    field_ = known != fields().end() && is_taken(*known) ? &*known : nullptr;
    if (field_ == nullptr && !unknown_field_) unknown_field_ = name;
    if (field_ == nullptr) return;
    if (!named_.insert(field_->name).second) report(in_quotes(name) + " field is given twice");
    seen_.insert(field_->name);
  }
  void take(const JsonEvent& event) {
    if (field_ == nullptr) return;
    // null counts as absent.
    if (event.level == 0 && event.what == JsonEvent::What::null) {
      seen_.erase(field_->name);
      return;
    }
    // The fields of batches are read even if the line has a problem.
    if (!values_.problem() || field_->of != FieldOf::job) values_.take(*field_, event);
  }

  boost::system::result<JobRequest, BadRequest> finish() {
    if (auto problem = find_problem()) {
      problem->id_json = request_.id_json;
      problem->line = request_.line;
      return *std::move(problem);
    }
    return std::move(request_);
  }

 private:
  using Field = FieldValues::Field;
  static std::span<const Field> fields() { return FieldValues::fields(); }
  bool is_taken(const Field& field) const {
    switch (field.of) {
      case FieldOf::job:
        if (field.name == "template") return body_ != Body::cell && body_ != Body::template_setup;
        return (body_ != Body::session && body_ != Body::template_setup) || is_of_setup(field.name);
      case FieldOf::caller:
        return body_ == Body::request || body_ == Body::cell;
      case FieldOf::batch_line:
      case FieldOf::batch_header:
        return body_ == Body::batch_line;
      case FieldOf::cell:
        return body_ == Body::cell;
      case FieldOf::session:
        return body_ == Body::session;
    }
    return false;
  }

  std::optional<BadRequest> find_problem() {
    Job& job = request_.job;
    const bool is_job = request_.line == JobRequest::Line::job;
    const bool has_code = seen_.contains("code"), has_call = seen_.contains("call");
    const auto sources = seen_.count("script") + seen_.count("code") + seen_.count("call");
    if (sources > 1)
      report(has_call ? "a request has one of 'script', 'code' and 'call', not two"
                      : "a request has 'script' or 'code', not both");
    const bool has_default = !defaults_.job.script.empty() || defaults_.job.options.is_cell == 1;
    if (is_job && sources == 0 && !has_default) return no_script();
    const bool keeps_names = body_ != Body::request && body_ != Body::batch_line;
    if (has_call && !values_.problem() && job.script.empty())
      report("'call' field must be the name of a function, not \"\"");
    if (has_code && !keeps_names && !values_.problem() && only_defines_main(job.script)) {
      return no_script(
          "this 'code' only defines main(), which nothing calls: send it as 'script', or call "
          "main() in its last line");
    }
    if (is_job && seen_.contains("progress_ms"))
      report("'progress_ms' field is for a first line with \"defaults\": true");
    report(values_.files.check());
    if (values_.problem()) return BadRequest{400, *values_.problem()};
    if (unknown_field_)
      return BadRequest{400,
                        "unknown field " + in_quotes(*unknown_field_) + meant(*unknown_field_)};
    if (has_code) job.options.is_cell = 1;
    if (has_call) job.options.is_call = 1;
    if (is_cell() && seen_.contains("args"))
      return BadRequest{400, "'args' field is for main() of a 'script', and this is 'code'"};
    if (seen_.contains("args")) job.args = values_.args.json();
    if (seen_.contains("files")) job.files = values_.files.release();
    if (seen_.contains("env")) job.environment = values_.variables.release();
    if (seen_.contains("return_files")) want_files(job.options);
    // The plots of a notebook's cells are there without being asked for.
    const bool is_single_cell = body_ == Body::cell || (body_ == Body::request && has_code);
    if (!seen_.contains("displays"))
      request_.displays = is_single_cell ? JobRequest::Displays::if_any : defaults_.displays;
    if (request_.displays != JobRequest::Displays::none) {
      job.options.displays_count = caps_.displays_count;
      job.options.displays_bytes = caps_.displays_bytes;
    }
    if (seen_.contains("tools_style") && !seen_.contains("tools"))
      return BadRequest{400, "'tools_style' field is for 'tools', and there are none"};
    if (seen_.contains("tools")) take_tools();
    const std::size_t script = (sources > 0 ? request_ : defaults_).job.script.size();
    if (script > caps_.script_bytes)
      return BadRequest{413, std::string(is_cell() ? "code" : "script") + " is " +
                                 std::to_string(script) + " bytes, more than the limit of " +
                                 std::to_string(caps_.script_bytes)};
    const std::uint64_t input = input_bytes();
    if (input > caps_.input_bytes)
      return BadRequest{413, "args, stdin, files and env are " + std::to_string(input) +
                                 " bytes together, more than the limit of " +
                                 std::to_string(caps_.input_bytes)};
    take_over(defaults_, seen_, request_);
    const bool has_names = body_ == Body::cell || !request_.template_name.empty();
    if (is_job && job.options.is_call == 1 && !has_names)
      return BadRequest{400,
                        "'call' field names a function of a template, and there is no 'template'"};
    return std::nullopt;
  }

  void want_files(ReportOptions& options) {
    options.return_files = values_.patterns.release();
    options.files_bytes = caps_.files_bytes;
    options.files_count = caps_.files_count;
    options.files_depth = caps_.files_depth;
  }
  void take_tools() {
    request_.tools = values_.tools.release_names();
    if (request_.tools.empty()) return;
    ObjectWriter limits, whole;
    limits.number("call_bytes", caps_.call_bytes);
    limits.number("most_calls", caps_.calls);
    limits.number("most_at_once", kMostCallsAtOnce);
    const bool is_async = values_.tools_style == FieldValues::ToolsStyle::async;
    whole.text("style", is_async ? "async" : "sync");
    whole.json("limits", limits.object());
    whole.json("tools", values_.tools.json());
    request_.job.tools = whole.object();
  }
  bool is_cell() const {
    return seen_.contains("code") || (!seen_.contains("script") && !seen_.contains("call") &&
                                      defaults_.job.options.is_cell == 1);
  }
  BadRequest no_script() const {
    for (const char* name : {"script", "code", "call"})
      if (named_.contains(name))
        return {400, in_quotes(name) + " field must be a string, not null"};
    const std::string meaning = unknown_field_ ? meant(*unknown_field_) : "";
    if (body_ == Body::template_setup)
      return {400, "'code' field is required" +
                       (unknown_field_ ? "; unknown field " + in_quotes(*unknown_field_) + meaning
                                       : "")};
    if (body_ == Body::cell || seen_.contains("template"))
      return {400, "'script', 'code' or 'call' field is required" + meaning};
    if (!meaning.empty())
      return {400, kNoScript + ("; unknown field " + in_quotes(*unknown_field_) + meaning)};
    return no_script("'script' has a function main(); 'code' needs none");
  }
  // The contract fixes the message of a request, byte for byte.
  BadRequest no_script(const std::string& hint) const {
    if (body_ == Body::batch_line) return {400, kNoScript + ("; " + hint)};
    return {400, kNoScript, hint};
  }
  // Returns the end of a message about an unknown field; may be empty.
  std::string meant(std::string_view name) const {
    std::vector<std::string_view> known;
    for (const Field& field : fields()) {
      if (is_taken(field)) known.push_back(field.name);
      if (!is_taken(field) && field.name == name) return place_of(field.of);
    }
    const std::string_view field = meant_field(name, known);
    return field.empty() ? "" : "; did you mean " + in_quotes(field) + "?";
  }

  const char* place_of(FieldOf owner) const {
    switch (owner) {
      case FieldOf::job:
        if (body_ == Body::cell) return ", which is for a new session";
        return body_ == Body::session ? ", which is for jobs: the set-up of a session is 'code'"
                                      : ", which is for jobs: the set-up of a template is 'code'";
      case FieldOf::caller:
        return ", which is for a job of its own, whose caller answers: POST /execute, or a cell of "
               "a session";
      case FieldOf::batch_line:
      case FieldOf::batch_header:
        return ", which is for lines of a batch";
      case FieldOf::cell:
        return ", which is for cells of a session";
      case FieldOf::session:
        return ", which is for a new session";
    }
    return "";
  }

  // Returns the request whose value of this field counts.
  const JobRequest& source_of(std::string_view field) const {
    return seen_.contains(field) ? request_ : defaults_;
  }
  std::uint64_t input_bytes() const {
    std::uint64_t bytes = source_of("args").job.args.size() +
                          source_of("stdin").job.stdin_text.size() + request_.job.tools.size();
    for (const auto* list : {&source_of("files").job.files, &source_of("env").job.environment})
      for (const NamedBytes& entry : *list) bytes += entry.name.size() + entry.bytes.size();
    return bytes;
  }
  void report(std::optional<std::string> problem) { values_.report(std::move(problem)); }

  const JobCaps& caps_;
  Body body_;
  const JobRequest& defaults_;
  FieldValues values_;
  JobRequest& request_ = values_.request;
  const Field* field_ = nullptr;             // nullptr: unknown field
  std::set<std::string_view> named_, seen_;  // fields present; fields that are not null
  std::optional<std::string> unknown_field_;
};

}  // namespace

void throw_exception_from_error(const BadRequest& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

namespace {

boost::system::result<JobRequest, BadRequest> parse(std::string_view body, const JobCaps& caps,
                                                    Body kind, const JobRequest& defaults) {
  JobHandler handler(caps, kind, defaults);
  if (const auto problem = read_fields(body, handler)) return BadRequest{400, *problem};
  return handler.finish();
}

}  // namespace

boost::system::result<JobRequest, BadRequest> parse_job(std::string_view body,
                                                        const JobCaps& caps) {
  return parse(body, caps, Body::request, plain_request(caps));
}

boost::system::result<JobRequest, BadRequest> parse_batch_line(std::string_view line,
                                                               const JobCaps& caps,
                                                               const JobRequest& defaults) {
  return parse(line, caps, Body::batch_line, defaults);
}

boost::system::result<JobRequest, BadRequest> parse_cell(std::string_view body,
                                                         const JobCaps& caps) {
  return parse(body, caps, Body::cell, plain_request(caps));
}

boost::system::result<JobRequest, BadRequest> parse_session(std::string_view body,
                                                            const JobCaps& caps,
                                                            std::uint64_t most_idle_s) {
  JobRequest defaults = plain_request(caps);
  defaults.idle_s = most_idle_s;
  defaults.job.options.is_cell = 1;
  auto request = parse(body, caps, Body::session, defaults);
  if (request && request->idle_s == 0) request->idle_s = most_idle_s;
  return request;
}

boost::system::result<JobRequest, BadRequest> parse_template(std::string_view body,
                                                             const JobCaps& caps) {
  return parse(body, caps, Body::template_setup, plain_request(caps));
}

}  // namespace pyexec
