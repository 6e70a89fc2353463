// Requests, and what the service answers to them: the tests send each and compare. Pure.
#pragma once

#include <span>
#include <string_view>

namespace pyexec {

struct Example {
  std::string_view name;
  std::string_view summary;
  std::string_view path;
  std::string_view request;  // JSON
  unsigned status;
  std::string_view answer;  // JSON; times and memory are those of one run
};
std::span<const Example> openapi_examples();

}  // namespace pyexec
