#include "server/job/job_request.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "server/base/whole_number.h"
#include "server/job/cell_source.h"
#include "server/job/field_hints.h"
#include "server/job/input_events.h"
#include "server/job/input_rules.h"
#include "server/job/job_defaults.h"
#include "server/json/json_fields.h"
#include "server/json/json_text.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kLeastProgressMs = 100, kMostProgressMs = 3'600'000;

constexpr const char* kNoScript = "'script' field is required";

enum class Body { request, batch_line, cell, session };

// Handles each member of the outermost object with its own function.
class JobHandler {
 public:
  // Copies from `defaults` only the fields that a valid request needs.
  JobHandler(const JobCaps& caps, Body body, const JobRequest& defaults)
      : caps_(caps),
        body_(body),
        defaults_(defaults),
        args_(caps.result_depth),
        variables_(caps.env_names),
        request_(plain_request(caps)) {}

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
    if (!problem_ || field_->of != FieldOf::job) (this->*field_->take)(event);
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
  struct Field {
    std::string_view name;
    void (JobHandler::*take)(const JsonEvent& event);
    FieldOf of;
  };
  static std::span<const Field> fields();
  bool is_taken(const Field& field) const {
    switch (field.of) {
      case FieldOf::job:
        return body_ != Body::session || is_of_setup(field.name);
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
    const bool has_script = seen_.contains("script"), has_code = seen_.contains("code");
    if (has_script && has_code) report("a request has 'script' or 'code', not both");
    const bool has_default = !defaults_.job.script.empty() || defaults_.job.options.is_cell == 1;
    if (is_job && !has_script && !has_code && !has_default) return no_script();
    const bool keeps_names = body_ == Body::cell || body_ == Body::session;
    if (has_code && !keeps_names && !problem_ && only_defines_main(job.script)) {
      return no_script(
          "this 'code' only defines main(), which nothing calls: send it as 'script', or call "
          "main() in its last line");
    }
    if (is_job && seen_.contains("progress_ms"))
      report("'progress_ms' field is for a first line with \"defaults\": true");
    report(files_.check());
    if (problem_) return BadRequest{400, *problem_};
    if (unknown_field_)
      return BadRequest{400,
                        "unknown field " + in_quotes(*unknown_field_) + meant(*unknown_field_)};
    if (has_code) job.options.is_cell = 1;
    if (is_cell() && seen_.contains("args"))
      return BadRequest{400, "'args' field is for main() of a 'script', and this is 'code'"};
    if (seen_.contains("args")) job.args = args_.json();
    if (seen_.contains("files")) job.files = files_.release();
    if (seen_.contains("env")) job.environment = variables_.release();
    if (seen_.contains("return_files")) want_files(job.options);
    const std::size_t script = (has_code ? request_ : source_of("script")).job.script.size();
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
    return std::nullopt;
  }

  void want_files(ReportOptions& options) {
    options.return_files = patterns_.release();
    options.files_bytes = caps_.files_bytes;
    options.files_count = caps_.files_count;
    options.files_depth = caps_.files_depth;
  }
  bool is_cell() const {
    return seen_.contains("code") ||
           (!seen_.contains("script") && defaults_.job.options.is_cell == 1);
  }
  BadRequest no_script() const {
    for (const char* name : {"script", "code"})
      if (named_.contains(name))
        return {400, in_quotes(name) + " field must be a string, not null"};
    const std::string meaning = unknown_field_ ? meant(*unknown_field_) : "";
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

  static const char* place_of(FieldOf owner) {
    switch (owner) {
      case FieldOf::job:
        return ", which is for jobs: the set-up of a session is 'code'";
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
    std::uint64_t bytes =
        source_of("args").job.args.size() + source_of("stdin").job.stdin_text.size();
    for (const auto* list : {&source_of("files").job.files, &source_of("env").job.environment})
      for (const NamedBytes& entry : *list) bytes += entry.name.size() + entry.bytes.size();
    return bytes;
  }
  void report(std::optional<std::string> problem) {
    if (!problem_) problem_ = std::move(problem);
  }
  void report_type(const JsonEvent& event, const char* wanted) {
    report(in_quotes(field_->name) + " field must be " + wanted + ", not " + name_of(event.what));
  }

  void take_code(const JsonEvent& event) { take_script(event); }
  void take_script(const JsonEvent& event) {
    take_text(event, request_.job.script);
    std::string& script = request_.job.script;
    script.erase(0, script.size() - without_byte_order_mark(script).size());
  }
  void take_stdin(const JsonEvent& event) { take_text(event, request_.job.stdin_text); }
  void take_text(const JsonEvent& event, std::string& out) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::string) return report_type(event, "a string");
    out = event.text;
  }

  void take_timeout_ms(const JsonEvent& event) {
    take_number(event, caps_.timeout_ms, request_.timeout_ms);
  }
  void take_output_bytes(const JsonEvent& event) {
    take_number(event, caps_.output_bytes, request_.output_bytes);
  }
  void take_memory_mb(const JsonEvent& event) {
    take_number(event, caps_.memory_mb, request_.memory_mb);
    request_.job.memory_bytes = request_.memory_mb << 20;
  }
  void take_progress_ms(const JsonEvent& event) {
    take_number(event, kMostProgressMs, request_.progress_ms);
    if (request_.progress_ms < kLeastProgressMs)
      report("'progress_ms' field must be at least " + std::to_string(kLeastProgressMs));
  }

  void take_idle_s(const JsonEvent& event) {
    take_number(event, defaults_.idle_s, request_.idle_s);
  }
  void take_at(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::number) return report_type(event, "a number");
    const WholeNumber number = parse_whole(event.text);
    if (number.is != WholeNumber::Is::value)
      return report("'at' field must be the number of a cell, or 0");
    request_.at = number.value;
  }
  void take_verbose(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::boolean) return report_type(event, "true or false");
    request_.detail = event.text == "true" ? AnswerDetail::verbose : AnswerDetail::plain;
    request_.job.options.error_detail = event.text == "true" ? 1 : 0;
  }
  void take_nan(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::string || (event.text != "null" && event.text != "error"))
      return report("'nan' field must be \"error\" or \"null\"");
    request_.job.options.nan_is_null = event.text == "null" ? 1 : 0;
  }
  void take_defaults(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::boolean || event.text != "true")
      return report("'defaults' field must be true");
    request_.line = JobRequest::Line::defaults;
  }
  void take_id(const JsonEvent& event) {
    report(id_.take(event));
    request_.id_json = id_.json();
  }

  void take_number(const JsonEvent& event, std::uint64_t most, std::uint64_t& out) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::number) return report_type(event, "a number");
    const auto value = parse_limit(field_->name, event.text, most);
    if (!value) return report(value.error().message);
    out = *value;
  }

  void take_args(const JsonEvent& event) {
    if (event.level > 0 || event.what != JsonEvent::What::object)
      return take_parts(event, {JsonEvent::What::array, "an array or an object"}, args_);
    report(args_.take(event));
  }
  void take_files(const JsonEvent& event) { take_parts(event, kObject, files_); }
  void take_env(const JsonEvent& event) { take_parts(event, kObject, variables_); }
  void take_return_files(const JsonEvent& event) {
    take_parts(event, {JsonEvent::What::array, "an array"}, patterns_);
  }
  template <typename Parts>
  void take_parts(const JsonEvent& event, Whole wanted, Parts& parts) {
    if (event.level == 0 && event.what != wanted.what && event.what != JsonEvent::What::end)
      return report_type(event, wanted.shown);
    report(parts.take(event));
  }

  const JobCaps& caps_;
  Body body_;
  const JobRequest& defaults_;
  ArgsWriter args_;
  LineId id_;
  InputFiles files_;
  Variables variables_;
  Patterns patterns_;
  JobRequest request_;
  const Field* field_ = nullptr;             // nullptr: unknown field
  std::set<std::string_view> named_, seen_;  // fields present; fields that are not null
  std::optional<std::string> unknown_field_, problem_;
};

std::span<const JobHandler::Field> JobHandler::fields() {
  static constexpr Field kFields[] = {
#define X(name, whose) {#name, &JobHandler::take_##name, FieldOf::whose},
      PYEXEC_JOB_FIELDS(X)
#undef X
  };
  return kFields;
}

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

}  // namespace pyexec
