// Takes the values of a request's fields, as JSON events. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>

#include "server/job/input_events.h"
#include "server/job/input_rules.h"
#include "server/job/job_request.h"
#include "server/json/json_fields.h"

namespace pyexec {

// Checks each value by itself; JobHandler (job_request.cc) checks what they are together.
class FieldValues {
 public:
  // most_idle_s: of a session.
  FieldValues(const JobCaps& caps, std::uint64_t most_idle_s);

  struct Field {
    std::string_view name;
    void (FieldValues::*take)(const JsonEvent& event);
    FieldOf of;
  };
  // In the order of kJobFields.
  static std::span<const Field> fields();

  // The field's next event.
  void take(const Field& field, const JsonEvent& event);
  // The first problem counts.
  void report(std::optional<std::string> problem) {
    if (!problem_) problem_ = std::move(problem);
  }
  const std::optional<std::string>& problem() const { return problem_; }

  JobRequest request;
  JsonCopy args;
  InputFiles files;
  Variables variables;
  Patterns patterns;
  ToolList tools;
  enum class ToolsStyle { sync, async } tools_style = ToolsStyle::sync;

 private:
#define X(name, whose) void take_##name(const JsonEvent& event);
  PYEXEC_JOB_FIELDS(X)
#undef X

  void report_type(const JsonEvent& event, const char* wanted);
  void take_text(const JsonEvent& event, std::string& out);
  void take_number(const JsonEvent& event, std::uint64_t most, std::uint64_t& out);
  template <typename Parts>
  void take_parts(const JsonEvent& event, Whole wanted, Parts& parts) {
    if (event.level == 0 && event.what != wanted.what && event.what != JsonEvent::What::end)
      return report_type(event, wanted.shown);
    report(parts.take(event));
  }

  const JobCaps& caps_;
  const std::uint64_t most_idle_s_;
  LineId id_;
  std::string_view name_;  // of the field whose events come
  std::optional<std::string> problem_;
};

}  // namespace pyexec
