// What stands in a line of JSON: of a job, and of an answer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyexec::client {

// Whether this is no job, but what all jobs after it have in common.
bool is_defaults_line(std::string_view line);

// The job's id, so that two are the same text exactly if the service takes them for the same id: a
// number and a text that look alike differ. Nothing where there is none that the service would
// take.
std::optional<std::string> id_of_line(std::string_view line);

// What is wrong, in the service's words; the text itself, cut short, where they are somebody
// else's.
std::string error_of(std::string_view json);

// A line of the service's answer.
struct AnswerLine {
  enum class What { answer, progress } what;
  std::uint64_t index = 0;
  std::string outcome;
  std::size_t index_begin = 0, index_end = 0;  // where the index stands in the line
};
std::optional<AnswerLine> read_answer_line(std::string_view line);

std::string with_index(std::string_view line, const AnswerLine& answer, std::uint64_t index);

}  // namespace pyexec::client
