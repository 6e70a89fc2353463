// What files and variables a request may give its job. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

// The longest name of a file that a request may give, and of one that a job returns.
inline constexpr std::size_t kNameBytes = 1024, kReturnedNameBytes = 4096;

// In single quotes, for messages; of a long one the beginning.
std::string quoted(std::string_view text);

// What is wrong with it as a path below the job's working directory; nothing if it is good.
std::optional<std::string> problem_with_name(std::string_view name);

// Whether it leads nowhere but below the directory it is looked up in.
bool is_relative_path(std::string_view name);

// Nothing unless it is base64 as of RFC 4648, padded, with nothing between.
std::optional<std::string> decode_base64(std::string_view text);

// `allowed`: names, comma-separated; "X_*" is all that begin with X_.
bool is_allowed_name(std::string_view name, std::string_view allowed);

// What is wrong with it as a variable of a job's environment; nothing if it is good. A locale is
// one of those that every jail has. `allowed`: as above.
std::optional<std::string> problem_with_variable(std::string_view name, std::string_view value,
                                                 std::string_view allowed);

}  // namespace pyexec
