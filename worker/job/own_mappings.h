// The mappings of this process, as the kernel lists them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pyexec {

struct OwnMapping {
  std::uintptr_t begin, end;
  std::string allowed;  // "rw-p"
  std::string file;     // a path, "[heap]" or ""
  std::string flags;    // VmFlags of smaps, each with a space in front and behind; "" if not asked
                        // for, or not told
};

// with_flags: dearer, because the kernel then looks at every page.
std::vector<OwnMapping> own_mappings(bool with_flags);

}  // namespace pyexec
