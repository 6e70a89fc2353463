// Checks JSON text written by a script and serialises it again. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace pyexec {

struct JsonProblem {
  std::string message;
};
[[noreturn]] void throw_exception_from_error(const JsonProblem& error,
                                             const boost::source_location&);

// Accepts strict JSON in valid UTF-8, at most `max_depth` levels deep, without recursion. Numbers
// keep every digit. Separators are those of Python's json.dumps: ", " and ": ". what: the text, in
// errors.
boost::system::result<std::string, JsonProblem> reserialise(std::string_view text,
                                                            std::uint64_t max_depth,
                                                            std::string_view what = "the result");

// Appends `text`, which must be valid UTF-8, as a quoted JSON string.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pyexec
