#include "server/telemetry/trace.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace pyexec {
namespace {

constexpr std::size_t kTraceDigits = 32, kSpanDigits = 16;

bool is_hexadecimal(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_id(std::string_view text, std::size_t digits) {
  return is_hexadecimal(text, digits) && text.find_first_not_of('0') != std::string_view::npos;
}

// VERSION-TRACE-SPAN-FLAGS; later versions may have more behind it.
std::optional<Trace> parse_traceparent(std::string_view text) {
  constexpr std::size_t kTrace = 3, kSpan = 36, kFlags = 53, kLength = 55;
  if (text.size() < kLength || text[kTrace - 1] != '-' || text[kSpan - 1] != '-' ||
      text[kFlags - 1] != '-')
    return std::nullopt;
  const std::string_view version = text.substr(0, 2), trace = text.substr(kTrace, kTraceDigits),
                         span = text.substr(kSpan, kSpanDigits), flags = text.substr(kFlags, 2);
  const bool is_known =
      version == "00" ? text.size() == kLength : text.size() == kLength || text[kLength] == '-';
  if (!is_hexadecimal(version, 2) || version == "ff" || !is_known || !is_hexadecimal(flags, 2) ||
      !is_id(trace, kTraceDigits) || !is_id(span, kSpanDigits))
    return std::nullopt;
  constexpr std::string_view kOdd = "13579bdf";
  return Trace{std::string(trace), std::string(span), kOdd.find(flags[1]) != std::string::npos};
}

std::optional<Trace> parse_cloud_context(std::string_view text) {
  const std::string_view trace = text.substr(0, text.find_first_of("/;"));
  if (!is_id(trace, kTraceDigits)) return std::nullopt;
  Trace found = {std::string(trace), "", text.ends_with(";o=1")};
  if (trace.size() == text.size() || text[trace.size()] != '/') return found;
  const std::string_view rest = text.substr(trace.size() + 1);
  const std::string_view span = rest.substr(0, rest.find(';'));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(span.data(), span.data() + span.size(), number);
  if (error != std::errc() || end != span.data() + span.size() || number == 0) return found;
  char digits[kSpanDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  found.span_id = digits;
  return found;
}

}  // namespace

std::optional<Trace> trace_of(std::string_view traceparent, std::string_view cloud_context) {
  auto trace = parse_traceparent(traceparent);
  return trace ? trace : parse_cloud_context(cloud_context);
}

}  // namespace pyexec
