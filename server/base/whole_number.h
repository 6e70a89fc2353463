// Whole JSON numbers in any notation: 5000, 5000.0 and 5e3 are equal. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace pyexec {

struct WholeNumber {
  enum class Is {
    value,
    negative,
    too_large,  // for 64 bits
    fraction
  } is;
  std::uint64_t value = 0;
};

// text: a JSON number.
WholeNumber parse_whole(std::string_view text);

}  // namespace pyexec
