// Text templates. A blank is a name of lower-case letters and "_" between two "@". Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pyexec {

struct Blank {
  std::string_view name;
  std::string value;
};

// Returns the text with each blank replaced by its value, which is not searched for blanks. Throws
// std::logic_error on a blank that is not in `blanks`.
std::string fill(std::string_view text, std::span<const Blank> blanks);

// Returns the text with HTML's special characters escaped.
std::string html_escaped(std::string_view text);

}  // namespace pyexec
