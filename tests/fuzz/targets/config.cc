// Flags and variables of the server: lines that begin with "--" are flags, all others variables.
#include "server/config/config.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyexec;
  std::string input(fuzz::text_of(data, size));
  for (char& c : input)
    if (c == '\0') c = '\n';
  const auto lines = fuzz::lines_of(input);
  std::vector<const char*> flags = {"pyexec-server"}, variables;
  for (const std::string& line : lines)
    (line.starts_with("--") ? flags : variables).push_back(line.c_str());
  const auto count = static_cast<int>(flags.size());
  flags.push_back(nullptr);
  variables.push_back(nullptr);
  const ConfigResult result = read_config(count, flags.data(), variables.data());
  const bool serves = result.next == ConfigResult::Next::serve;
  if (serves) FUZZ_CHECK(result.config.port <= 65535 && result.config.pool_workers >= 1);
  if (result.next == ConfigResult::Next::exit_usage) FUZZ_CHECK(!result.message.empty());
  return 0;
}
