// What files and variables a request may give its job. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/problem.h"

namespace pyexec {

// The longest name of a file that a request may give, and of one that a job returns.
inline constexpr std::size_t kNameBytes = 1024, kReturnedNameBytes = 4096;

// In single quotes, for messages; of a long one the beginning.
std::string in_quotes(std::string_view text);

// A whole number from 1 to `most` that a field called `name` has.
boost::system::result<std::uint64_t, Problem> parse_limit(std::string_view name,
                                                          std::string_view text,
                                                          std::uint64_t most);

// Without parts that lead nowhere: "./a//b/./c" is "a/b/c". The last part stays as it is.
std::string plain_path(std::string_view name);

// What is wrong with it as a path below the job's working directory; nothing if it is good.
std::optional<std::string> problem_with_name(std::string_view name);

// Whether it leads nowhere but below the directory it is looked up in.
bool is_relative_path(std::string_view name);

// Nothing unless it is base64 as of RFC 4648, of either alphabet. White space is passed over, and
// the padding may be left out.
std::optional<std::string> decode_base64(std::string_view text);

// `allowed`: names, comma-separated; "X_*" is all that begin with X_.
bool is_allowed_name(std::string_view name, std::string_view allowed);

// What is wrong with it as a variable of a job's environment; nothing if it is good. A locale is
// one of those that every jail has. `allowed`: as above.
std::optional<std::string> problem_with_variable(std::string_view name, std::string_view value,
                                                 std::string_view allowed);

}  // namespace pyexec
