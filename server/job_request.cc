#include "server/job_request.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>

#include "server/input_events.h"
#include "server/input_rules.h"
#include "server/job_defaults.h"
#include "server/json_fields.h"
#include "server/untrusted_json.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostVariables = 100, kMostPatterns = 100, kIdBytes = 256;
constexpr std::uint64_t kLeastProgressMs = 100, kMostProgressMs = 3'600'000;

enum class Body { request, batch_line };

// Takes the members of the outermost object, each by its own function.
class JobHandler {
 public:
  // Of `defaults` no more is copied than a request that is good takes.
  JobHandler(const JobCaps& caps, Body body, const JobRequest& defaults)
      : caps_(caps),
        body_(body),
        defaults_(defaults),
        args_(caps.args_depth),
        request_(plain_request(caps)) {}

  void begin_field(std::string_view name) {
    const auto known = std::find_if(fields().begin(), fields().end(),
                                    [&](const Field& field) { return field.name == name; });
    const bool is_taken =
        known != fields().end() && (known->of == Body::request || body_ == Body::batch_line);
    field_ = is_taken ? &*known : nullptr;
    name_.clear();
    if (field_ == nullptr && !unknown_field_) unknown_field_ = name;
    if (field_ != nullptr && !seen_.insert(field_->name).second)
      report(quoted(name) + " field is given twice");
  }
  void take(const JsonEvent& event) {
    // Wanted even of a line that has a problem.
    if (field_ != nullptr && (!problem_ || field_->of == Body::batch_line))
      (this->*field_->take)(event);
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
    Body of = Body::request;
  };
  static std::span<const Field> fields();

  std::optional<BadRequest> find_problem() {
    Job& job = request_.job;
    const bool is_job = request_.line == JobRequest::Line::job;
    if (is_job && !seen_.contains("script") && defaults_.job.script.empty())
      return BadRequest{400, "'script' field is required"};
    if (is_job && seen_.contains("progress_ms"))
      report("'progress_ms' field is for a first line with \"defaults\": true");
    report(files_.check());
    if (problem_) return BadRequest{400, *problem_};
    if (unknown_field_) return BadRequest{400, "unknown field " + quoted(*unknown_field_)};
    if (seen_.contains("args")) job.args = args_.json();
    if (seen_.contains("files")) job.files = files_.release();
    const std::size_t script = source_of("script").job.script.size();
    if (script > caps_.script_bytes)
      return BadRequest{413, "script is " + std::to_string(script) +
                                 " bytes, more than the limit of " +
                                 std::to_string(caps_.script_bytes)};
    const std::uint64_t input = input_bytes();
    if (input > caps_.input_bytes)
      return BadRequest{413, "args, stdin, files and env are " + std::to_string(input) +
                                 " bytes together, more than the limit of " +
                                 std::to_string(caps_.input_bytes)};
    take_over(defaults_, seen_, request_);
    return std::nullopt;
  }

  // Whose value of this field counts.
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
    report(quoted(field_->name) + " field must be " + wanted + ", not " + name_of(event.what));
  }

  void take_script(const JsonEvent& event) { take_text(event, request_.job.script); }
  void take_stdin(const JsonEvent& event) { take_text(event, request_.job.stdin_text); }
  void take_text(const JsonEvent& event, std::string& out) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::string) return report_type(event, "a string");
    out = event.text;
  }

  void take_timeout(const JsonEvent& event) {
    take_number(event, caps_.timeout_ms, request_.timeout_ms);
  }
  void take_output(const JsonEvent& event) {
    take_number(event, caps_.output_bytes, request_.output_bytes);
  }
  void take_memory(const JsonEvent& event) {
    take_number(event, caps_.memory_mb, request_.memory_mb);
    request_.job.memory_bytes = request_.memory_mb << 20;
  }
  void take_progress(const JsonEvent& event) {
    take_number(event, kMostProgressMs, request_.progress_ms);
    if (request_.progress_ms < kLeastProgressMs)
      report("'progress_ms' field must be at least " + std::to_string(kLeastProgressMs));
  }

  void take_verbose(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::boolean) return report_type(event, "true or false");
    request_.detail = event.text == "true" ? AnswerDetail::verbose : AnswerDetail::plain;
    request_.job.wants.error_detail = event.text == "true" ? 1 : 0;
  }
  void take_nan(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::string || (event.text != "null" && event.text != "error"))
      return report("'nan' field must be \"error\" or \"null\"");
    request_.job.wants.nan_is_null = event.text == "null" ? 1 : 0;
  }
  void take_defaults(const JsonEvent& event) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::boolean || event.text != "true")
      return report("'defaults' field must be true");
    request_.line = JobRequest::Line::defaults;
  }
  void take_id(const JsonEvent& event) {
    using What = JsonEvent::What;
    if (event.level > 0 || event.what == What::end) return;
    const bool is_whole =
        event.what == What::number && event.text.find_first_of(".eE") == std::string_view::npos;
    if (event.what != What::string && !is_whole)
      return report_type(event, "a string or a whole number");
    if (event.text.size() > kIdBytes)
      return report("'id' is longer than " + std::to_string(kIdBytes) + " bytes");
    request_.id_json.clear();
    if (is_whole)
      request_.id_json = event.text;
    else
      append_json_string(request_.id_json, event.text);
  }

  void take_return_files(const JsonEvent& event) {
    using What = JsonEvent::What;
    Wants& wants = request_.job.wants;
    if (event.level == 0) {
      if (event.what == What::end) return;
      if (event.what != What::array) return report_type(event, "an array");
      wants.return_files.clear();
      wants.files_bytes = caps_.files_bytes;
      wants.files_count = caps_.files_count;
      wants.files_depth = caps_.files_depth;
      return;
    }
    if (event.what != What::string || event.level > 1)
      return report(std::string("'return_files' entries must be strings, not ") +
                    name_of(event.what));
    const std::string pattern(event.text);
    if (const auto problem = problem_with_name(pattern))
      return report("'return_files' entry " + quoted(pattern) + " " + *problem);
    if (wants.return_files.size() == kMostPatterns)
      return report("'return_files' has more than " + std::to_string(kMostPatterns) + " entries");
    wants.return_files.push_back(pattern);
  }
  void take_number(const JsonEvent& event, std::uint64_t most, std::uint64_t& out) {
    if (event.level > 0 || event.what == JsonEvent::What::end) return;
    if (event.what != JsonEvent::What::number) return report_type(event, "a number");
    std::uint64_t value = 0;
    const char* const end = event.text.data() + event.text.size();
    const auto [stop, error] = std::from_chars(event.text.data(), end, value);
    const bool too_large = error == std::errc::result_out_of_range;
    if (!too_large && (error != std::errc() || stop != end || value == 0))
      return report(quoted(field_->name) + " field must be a whole number from 1 to " +
                    std::to_string(most) + ", not " + std::string(event.text));
    if (too_large || value > most)
      return report(quoted(field_->name) + " is " + std::string(event.text) +
                    ", more than the limit of " + std::to_string(most));
    out = value;
  }

  void take_args(const JsonEvent& event) {
    if (event.level == 0 && event.what != JsonEvent::What::object &&
        event.what != JsonEvent::What::array && event.what != JsonEvent::What::end)
      return report_type(event, "an array or an object");
    report(args_.take(event));
  }
  void take_files(const JsonEvent& event) {
    if (event.level == 0 && event.what != JsonEvent::What::object &&
        event.what != JsonEvent::What::end)
      return report_type(event, "an object");
    report(files_.take(event));
  }

  void take_env(const JsonEvent& event) {
    using What = JsonEvent::What;
    if (event.what == What::key && event.level == 1) return void(name_ = event.text);
    if (event.what == What::key || event.what == What::end || event.level > 1) return;
    auto& list = request_.job.environment;
    if (event.level == 0) {
      if (event.what != What::object) report_type(event, "an object");
      list.clear();
      return;
    }
    if (event.what != What::string)
      return report("'env' entry " + quoted(name_) + " must be a string, not " +
                    name_of(event.what));
    if (const auto problem = problem_with_variable(name_, event.text, caps_.env_names))
      return report("'env' entry " + quoted(name_) + " " + *problem);
    if (list.size() == kMostVariables)
      return report("'env' has more than " + std::to_string(kMostVariables) + " entries");
    if (std::any_of(list.begin(), list.end(),
                    [&](const auto& entry) { return entry.name == name_; }))
      return report("'env' entry " + quoted(name_) + " is given twice");
    list.push_back({name_, std::string(event.text)});
  }

  const JobCaps& caps_;
  Body body_;
  const JobRequest& defaults_;
  ArgsWriter args_;
  InputFiles files_;
  JobRequest request_;
  const Field* field_ = nullptr;  // nullptr: one that is not known
  std::set<std::string_view> seen_;
  std::string name_;  // of the entry
  std::optional<std::string> unknown_field_, problem_;
};

std::span<const JobHandler::Field> JobHandler::fields() {
  static constexpr Field kFields[] = {
      {"script", &JobHandler::take_script},
      {"args", &JobHandler::take_args},
      {"stdin", &JobHandler::take_stdin},
      {"files", &JobHandler::take_files},
      {"env", &JobHandler::take_env},
      {"timeout_ms", &JobHandler::take_timeout},
      {"memory_mb", &JobHandler::take_memory},
      {"output_bytes", &JobHandler::take_output},
      {"verbose", &JobHandler::take_verbose},
      {"nan", &JobHandler::take_nan},
      {"return_files", &JobHandler::take_return_files},
      {"id", &JobHandler::take_id, Body::batch_line},
      {"defaults", &JobHandler::take_defaults, Body::batch_line},
      {"progress_ms", &JobHandler::take_progress, Body::batch_line},
  };
  return kFields;
}

}  // namespace

void throw_exception_from_error(const BadRequest& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

boost::system::result<JobRequest, BadRequest> parse_job(std::string_view body,
                                                        const JobCaps& caps) {
  const JobRequest plain = plain_request(caps);
  JobHandler handler(caps, Body::request, plain);
  if (const auto problem = read_fields(body, handler)) return BadRequest{400, *problem};
  return handler.finish();
}

boost::system::result<JobRequest, BadRequest> parse_batch_line(std::string_view line,
                                                               const JobCaps& caps,
                                                               const JobRequest& defaults) {
  JobHandler handler(caps, Body::batch_line, defaults);
  if (const auto problem = read_fields(line, handler)) return BadRequest{400, *problem};
  return handler.finish();
}

}  // namespace pyexec
