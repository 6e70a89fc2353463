// Rules for the files and variables that a request gives its job. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/problem.h"

namespace pyexec {

// The longest name of a file in a request, and of a file that a job returns.
inline constexpr std::size_t kNameBytes = 1024, kReturnedNameBytes = 4096;

// Returns `text` in single quotes, for messages. A long text is cut.
std::string in_quotes(std::string_view text);

// Parses the field `name`, a whole number from 1 to `most`.
boost::system::result<std::uint64_t, Problem> parse_limit(std::string_view name,
                                                          std::string_view text,
                                                          std::uint64_t most);

// Removes empty and "." parts: "./a//b/./c" becomes "a/b/c". The last part stays as it is.
std::string plain_path(std::string_view name);

// Returns an error message if `name` is not valid as a path below the job's working directory.
std::optional<std::string> problem_with_name(std::string_view name);

// Returns an error message if `name` cannot be that of a function of Python.
std::optional<std::string> problem_with_tool_name(std::string_view name);

// Whether `name` cannot leave the directory in which it is looked up.
bool is_relative_path(std::string_view name);

// allowed: names, comma-separated; "X_*" means all that begin with X_.
bool is_allowed_name(std::string_view name, std::string_view allowed);

// Returns an error message if this is not valid as a variable of a job's environment. A locale must
// be one that every jail has. allowed: as above.
std::optional<std::string> problem_with_variable(std::string_view name, std::string_view value,
                                                 std::string_view allowed);

}  // namespace pyexec
