// A JSON text that a script has written, checked and written anew. Pure.
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

// Strict JSON in valid UTF-8, nested at most `max_depth` deep, without recursion. Numbers keep
// every digit they have. Separators are those of Python's json.dumps: ", " and ": ".
boost::system::result<std::string, JsonProblem> reserialise(std::string_view text,
                                                            std::uint64_t max_depth);

// `text`, which must be valid UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace pyexec
