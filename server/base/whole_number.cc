#include "server/base/whole_number.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::int64_t kMostDigits = 20;  // of 64 bits

// If the exponent is longer than any useful one, only its sign counts.
std::int64_t exponent_of(std::string_view text) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  const std::int64_t bound = text.starts_with('-') ? -kMost : kMost;
  if (error == std::errc::result_out_of_range) return bound;
  return exponent > kMost || exponent < -kMost ? bound : exponent;
}

}  // namespace

WholeNumber parse_whole(std::string_view text) {
  using Is = WholeNumber::Is;
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, dot));
  if (dot < mantissa.size()) digits += mantissa.substr(dot + 1);
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {Is::value, 0};
  std::int64_t zeros = e < text.size() ? exponent_of(text.substr(e + 1)) : 0;
  if (dot < mantissa.size()) zeros -= static_cast<std::int64_t>(mantissa.size() - dot - 1);
  const std::size_t last = digits.find_last_not_of('0');
  zeros += static_cast<std::int64_t>(digits.size() - 1 - last);
  if (zeros < 0) return {Is::fraction};
  if (is_negative) return {Is::negative};
  digits = digits.substr(first, last + 1 - first);
  if (static_cast<std::int64_t>(digits.size()) + zeros > kMostDigits) return {Is::too_large};
  digits.append(static_cast<std::size_t>(zeros), '0');
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? WholeNumber{Is::value, value} : WholeNumber{Is::too_large};
}

}  // namespace pyexec
