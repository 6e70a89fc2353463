// Finds a request's distributed trace in the headers that proxies and clients set. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

struct Trace {
  std::string trace_id;  // 32 hexadecimal digits
  std::string span_id;   // 16, or empty: the caller's
  bool is_sampled;
};

// traceparent (W3C Trace Context) wins over X-Cloud-Trace-Context (TRACE/SPAN;o=1, the span a
// decimal number). Malformed headers are ignored, since clients can send anything. Returns nullopt
// if neither is valid.
std::optional<Trace> trace_of(std::string_view traceparent, std::string_view cloud_context);

}  // namespace pyexec
