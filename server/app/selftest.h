// The service attacks itself before it serves anybody: python_env/selftest/, in a real worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/engine/engine.h"

namespace pyexec {

// The targets of the attacks: this process, and two listeners of its own on the host. Made before
// this process gives up the right to make them. The listeners close with this object.
class SelftestTargets {
 public:
  explicit SelftestTargets(net::any_io_executor executor);
  // Returns the line that goes in front of the script.
  std::string python(pid_t launcher) const;

 private:
  net::ip::tcp::acceptor tcp_;
  net::local::stream_protocol::acceptor abstract_;
  std::string name_, host_files_;
};

struct SelftestVerdict {
  std::uint64_t run = 0, blocked = 0;  // attacks
  std::optional<std::string> problem;  // attacks that worked, or that were not made
};
// answer: JSON, the result of python_env/selftest's main(). expected: how many attacks there are.
SelftestVerdict judge_selftest(const std::string& answer, std::uint64_t expected);

// Sets the counts in engine.isolation. Returns nullopt if all attacks were blocked, else the
// attacks that worked, or why there is no result. The pool must be full.
awaitable<std::optional<std::string>> run_selftest(Engine& engine, Offload& offload,
                                                   Metrics& metrics, const SelftestTargets& targets,
                                                   pid_t launcher);

}  // namespace pyexec
