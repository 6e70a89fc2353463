// The pages of the zygote that a worker writes to before and while it runs a script. A worker that
// copies them in bulk, before it is needed, does not take a page fault for each.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace pyexec {

class WorkingSet {
 public:
  // Runs in the zygote: forks, runs `life` in the child, and finds out which shared pages the child
  // has copied. Empty if the kernel does not report them (gVisor) or the child fails: only speed
  // depends on it.
  static WorkingSet record(const std::function<void()>& life);

  // Runs in a worker.
  void populate() const;

 private:
  struct Range {
    std::uintptr_t begin, end;
  };
  std::vector<Range> ranges_;
};

}  // namespace pyexec
