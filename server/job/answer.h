// The one place where the end of a job becomes JSON: members of an object, which the answer of
// /execute, a line of a batch and the events of a live answer are made of. Pure.
#pragma once

#include <string>
#include <string_view>

#include "server/job/job_output.h"
#include "server/job/job_request.h"
#include "server/job/outcome.h"

namespace pyexec {

// JSON text of objects, member by member. Separators are those of Python's json.dumps.
class Members {
 public:
  void text(std::string_view name, std::string_view value);  // any bytes; made valid UTF-8
  void number(std::string_view name, std::uint64_t value);
  void number(std::string_view name, const std::optional<std::uint64_t>& value);  // or null
  void milliseconds(std::string_view name, std::uint64_t ns);
  void json(std::string_view name, std::string_view value);  // valid JSON
  void yes(std::string_view name) { json(name, "true"); }

  // {"a": 1, ...}
  std::string object() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void begin(std::string_view name);
  std::string out_ = "{";
};

// `result` or `error`, `stdout`, and what the request asked for beside.
void add_answer(Members& members, const Outcome& outcome, const JobOutput& output,
                const JobRequest& request);

// About how much of it there is to encode.
std::uint64_t answer_bytes(const Outcome& outcome, const JobOutput& output);

// Of them, for those who tell the rest in another way.
void add_result(Members& members, const Outcome& outcome);  // result, or error
void add_error_detail(Members& members, const Outcome& outcome);
void add_files(Members& members, const Outcome& outcome);
std::string usage_object(const JobUsage& usage);
std::string limits_object(const JobRequest& request);

}  // namespace pyexec
