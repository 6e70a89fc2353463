#include "server/job/field_values.h"

#include "server/base/whole_number.h"
#include "server/json/json_text.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kLeastProgressMs = 100, kMostProgressMs = 3'600'000;

}  // namespace

bool is_template_name(std::string_view text) {
  constexpr std::string_view kBegin = "sha256:", kDigits = "0123456789abcdef";
  return text.starts_with(kBegin) && text.size() == kBegin.size() + 64 &&
         text.find_first_not_of(kDigits, kBegin.size()) == std::string_view::npos;
}

FieldValues::FieldValues(const JobCaps& caps, std::uint64_t most_idle_s)
    : request(plain_request(caps)),
      args("args", caps.result_depth),
      variables(caps.env_names),
      tools(caps.result_depth),
      caps_(caps),
      most_idle_s_(most_idle_s) {}

std::span<const FieldValues::Field> FieldValues::fields() {
  static constexpr Field kFields[] = {
#define X(name, whose) {#name, &FieldValues::take_##name, FieldOf::whose},
      PYEXEC_JOB_FIELDS(X)
#undef X
  };
  return kFields;
}

void FieldValues::take(const Field& field, const JsonEvent& event) {
  name_ = field.name;
  (this->*field.take)(event);
}

void FieldValues::report_type(const JsonEvent& event, const char* wanted) {
  report(in_quotes(name_) + " field must be " + wanted + ", not " + name_of(event.what));
}

void FieldValues::take_code(const JsonEvent& event) {
  take_script(event);
}
void FieldValues::take_call(const JsonEvent& event) {
  take_text(event, request.job.script);
}
void FieldValues::take_template(const JsonEvent& event) {
  take_text(event, request.template_name);
  const std::string& name = request.template_name;
  if (event.what == JsonEvent::What::string && !is_template_name(name))
    report(
        "'template' field must be a name that PUT /templates has answered: \"sha256:\" and 64 "
        "digits");
}
void FieldValues::take_script(const JsonEvent& event) {
  take_text(event, request.job.script);
  std::string& script = request.job.script;
  script.erase(0, script.size() - without_byte_order_mark(script).size());
}

void FieldValues::take_stdin(const JsonEvent& event) {
  take_text(event, request.job.stdin_text);
}
void FieldValues::take_text(const JsonEvent& event, std::string& out) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::string) return report_type(event, "a string");
  out = event.text;
}

void FieldValues::take_timeout_ms(const JsonEvent& event) {
  take_number(event, caps_.timeout_ms, request.timeout_ms);
}

void FieldValues::take_output_bytes(const JsonEvent& event) {
  take_number(event, caps_.output_bytes, request.output_bytes);
}

void FieldValues::take_memory_mb(const JsonEvent& event) {
  take_number(event, caps_.memory_mb, request.memory_mb);
  request.job.memory_bytes = request.memory_mb << 20;
}

void FieldValues::take_progress_ms(const JsonEvent& event) {
  take_number(event, kMostProgressMs, request.progress_ms);
  if (request.progress_ms < kLeastProgressMs)
    report("'progress_ms' field must be at least " + std::to_string(kLeastProgressMs));
}

void FieldValues::take_idle_s(const JsonEvent& event) {
  take_number(event, most_idle_s_, request.idle_s);
}

void FieldValues::take_at(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::number) return report_type(event, "a number");
  const WholeNumber number = parse_whole(event.text);
  if (number.is != WholeNumber::Is::value)
    return report("'at' field must be the number of a cell, or 0");
  request.at = number.value;
}

void FieldValues::take_verbose(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::boolean) return report_type(event, "true or false");
  request.detail = event.text == "true" ? AnswerDetail::verbose : AnswerDetail::plain;
  request.job.options.error_detail = event.text == "true" ? 1 : 0;
}

void FieldValues::take_nan(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::string || (event.text != "null" && event.text != "error"))
    return report("'nan' field must be \"error\" or \"null\"");
  request.job.options.nan_is_null = event.text == "null" ? 1 : 0;
}

void FieldValues::take_displays(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::boolean) return report_type(event, "true or false");
  request.displays =
      event.text == "true" ? JobRequest::Displays::always : JobRequest::Displays::none;
}

void FieldValues::take_dataframe(const JsonEvent& event) {
  constexpr std::pair<std::string_view, DataFrameForm> kForms[] = {
      {"records", DataFrameForm::records},
      {"split", DataFrameForm::split},
      {"csv", DataFrameForm::csv}};
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  for (const auto& [name, form] : kForms)
    if (event.what == JsonEvent::What::string && event.text == name) {
      request.job.options.dataframe = form;
      return;
    }
  report("'dataframe' field must be \"records\", \"split\" or \"csv\"");
}

void FieldValues::take_defaults(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::boolean || event.text != "true")
    return report("'defaults' field must be true");
  request.line = JobRequest::Line::defaults;
}

void FieldValues::take_id(const JsonEvent& event) {
  report(id_.take(event));
  request.id_json = id_.json();
}

void FieldValues::take_number(const JsonEvent& event, std::uint64_t most, std::uint64_t& out) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::number) return report_type(event, "a number");
  const auto value = parse_limit(name_, event.text, most);
  if (!value) return report(value.error().message);
  out = *value;
}

void FieldValues::take_args(const JsonEvent& event) {
  if (event.level > 0 || event.what != JsonEvent::What::object)
    return take_parts(event, {JsonEvent::What::array, "an array or an object"}, args);
  report(args.take(event));
}

void FieldValues::take_files(const JsonEvent& event) {
  take_parts(event, kObject, files);
}
void FieldValues::take_env(const JsonEvent& event) {
  take_parts(event, kObject, variables);
}
void FieldValues::take_return_files(const JsonEvent& event) {
  take_parts(event, {JsonEvent::What::array, "an array"}, patterns);
}

void FieldValues::take_tools(const JsonEvent& event) {
  take_parts(event, {JsonEvent::What::array, "an array"}, tools);
}
void FieldValues::take_tools_style(const JsonEvent& event) {
  if (event.level > 0 || event.what == JsonEvent::What::end) return;
  if (event.what != JsonEvent::What::string || (event.text != "sync" && event.text != "async"))
    return report("'tools_style' field must be \"sync\" or \"async\"");
  tools_style = event.text == "async" ? ToolsStyle::async : ToolsStyle::sync;
}

}  // namespace pyexec
