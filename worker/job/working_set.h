// Which pages of the zygote a worker writes to before and while it runs a script. A worker that
// makes them its own in bulk, before it is needed, does not take a page fault for each.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace pyexec {

class WorkingSet {
 public:
  // Runs in the zygote: forks, runs `life` in the child, and finds out which of the pages that both
  // had the child has made its own since. Empty where the kernel does not tell (gVisor), or the
  // child fails: nothing depends on it but speed.
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
