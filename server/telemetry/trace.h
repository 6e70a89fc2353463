// Which distributed trace a request belongs to, by the headers that proxies and clients set. Pure.
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
// decimal number). What does not look so is nothing: it came from a client.
std::optional<Trace> trace_of(std::string_view traceparent, std::string_view cloud_context);

}  // namespace pyexec
