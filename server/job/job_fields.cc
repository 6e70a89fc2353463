#include "server/job/job_fields.h"

namespace pyexec {
namespace {

constexpr std::string_view kNumber = R"("type": ["integer", "null"], "minimum": 1)";
constexpr std::string_view kLimit =
    "a limit of this job, at most that of the service, which is what a request gets that does not "
    "ask: ";

}  // namespace

std::span<const JobField> job_fields() {
  static const std::string timeout = std::string(kLimit) + "its time, from admission on";
  static const std::string memory =
      std::string(kLimit) + "the address space of each of its processes";
  static const std::string output =
      std::string(kLimit) + "what is kept of its `stdout`, and of its `stderr`";
  static const JobField fields[] = {
      {"script", FieldOf::job, "text, required", R"("type": "string")",
       "Python with a function `main`; an `async def main` is awaited"},
      {"args", FieldOf::job, "array or object", R"("type": ["array", "object", "null"])",
       "`main(*args)` or `main(**args)`; if `main` does not take them, a 422 names the parameter"},
      {"stdin", FieldOf::job, "text", R"("type": ["string", "null"])",
       "is on standard input, for the script and for programs it starts"},
      {"files", FieldOf::job, R"(`{"name": "text"}`, `{"name": {"base64": "..."}}`)",
       R"("type": ["object", "null"], "maxProperties": 1000, "additionalProperties": {"oneOf": [)"
       R"({"type": "string"}, {"type": "object", "required": ["base64"], "properties": )"
       R"({"base64": {"type": "string", "contentEncoding": "base64"}}, )"
       R"("additionalProperties": false}]})",
       "are in the working directory before the script runs; a name may have directories "
       "(`in/a.csv`, or `./in/a.csv`), but is no absolute path and has no `..`. Base64 may have "
       "line breaks, either alphabet, and no padding"},
      {"env", FieldOf::job, R"(`{"NAME": "text"}`)",
       R"("type": ["object", "null"], "maxProperties": 100, "additionalProperties": {"type": "string"})",
       "variables of the environment, of the names in `PYEXEC_ENV_NAMES`; a locale, `LANG` or "
       "`LC_*`, is `C`, `C.UTF-8` or `POSIX`"},
      {"timeout_ms", FieldOf::job, "whole number", kNumber, timeout, &JobCaps::timeout_ms},
      {"memory_mb", FieldOf::job, "whole number", kNumber, memory, &JobCaps::memory_mb},
      {"output_bytes", FieldOf::job, "whole number", kNumber, output, &JobCaps::output_bytes},
      {"verbose", FieldOf::job, "`true` or `false`", R"("type": ["boolean", "null"])",
       "the answer also has `stderr`, `outcome`, `error_detail`, `usage` and `limits`"},
      {"nan", FieldOf::job, "`\"error\"` or `\"null\"`", R"("enum": ["error", "null", null])",
       "what NaN and infinities in the result are: the outcome `not_serializable`, which is what a "
       "request gets that does not ask, or `null`. NaN in an object of pandas is missing, and "
       "always `null`"},
      {"return_files", FieldOf::job, R"(`["*.png", "out/**"]`)",
       R"("type": ["array", "null"], "maxItems": 100, "items": {"type": "string"})",
       "the answer also has `files`: those in the working directory that match; `*` and `?` stay "
       "within a name, `**` is any directories. Regular files only, and no link is followed; more "
       "than the limits is an `output_limit`"},
      {"id", FieldOf::batch_line, "text or whole number",
       R"("type": ["string", "integer", "null"], "maxLength": 256)",
       "is in the answer to this line"},
      {"defaults", FieldOf::batch_header, "`true`", R"("enum": [true, null])",
       "this line is no job: its fields are those of every line after it that does not have them "
       "itself"},
      {"progress_ms", FieldOf::batch_header, "whole number",
       R"("type": ["integer", "null"], "minimum": 100, "maximum": 3600000)",
       "a line `{\"progress\": ...}` so often, and one at the end"},
  };
  return fields;
}

std::uint64_t largest_body_bytes(const JobCaps& caps) {
  constexpr std::uint64_t kRest = 4096;
  return 6 * caps.script_bytes + 2 * caps.input_bytes + kRest;
}

}  // namespace pyexec
