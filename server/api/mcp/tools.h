// What models are told of this server and its tools. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/job/job_caps.h"

namespace pyexec::mcp {

inline constexpr std::string_view kRunPython = "run_python";

// What runs the code, and where: for the description of the tool.
struct Surroundings {
  std::string python, numpy, pandas;       // versions
  std::vector<std::string> packages = {};  // others that can be imported; the operator's come first
  bool has_scratch;                        // whether code can write files
};

std::string instructions(const Surroundings& here);
// run_python, as JSON.
std::string own_tool(const Surroundings& here, const JobCaps& caps);

}  // namespace pyexec::mcp
