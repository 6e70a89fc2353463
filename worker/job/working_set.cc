#include "worker/job/working_set.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/privileges.h"
#include "worker/protocol/control.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace pyexec {
namespace {

// Bits in the entries of /proc/PID/pagemap (Linux, Documentation/admin-guide/mm/pagemap.rst).
// Anyone may read whether one process alone maps a page, unlike the page's frame number.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63, kFileOrShared = std::uint64_t{1} << 61,
                        kMappedOnce = std::uint64_t{1} << 56;
// Including one page between two written pages is cheaper than leaving it out.
constexpr std::uintptr_t kGapPages = 1;

struct Mapping {
  std::uintptr_t begin, end;
};

std::uintptr_t page_bytes() {
  return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
}

// Memory of the recorder. It is shared, not private, and so no part of what is recorded.
struct Scratch {
  std::array<char, 256 << 10> maps;
  std::array<std::uint64_t, 4096> entries;
};

// The caller's mappings.
class Mappings {
 public:
  explicit Mappings(Scratch& scratch) : text_(scratch.maps) {
    const UniqueFd file(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
    std::size_t size = 0;
    for (ssize_t got; size + 1 < text_.size(); size += static_cast<std::size_t>(got))
      if ((got = ::read(file.get(), &text_[size], text_.size() - 1 - size)) <= 0) break;
    text_[size] = '\0';
  }

  // Calls `act` for each private and writable mapping.
  template <typename Act>
  void each(Act act) const {
    for (const char* line = text_.data(); line != nullptr && *line != '\0';) {
      Mapping mapping;
      char allowed[8] = {};
      if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &mapping.begin, &mapping.end,
                      allowed) == 3 &&
          allowed[1] == 'w' && allowed[3] == 'p')
        act(mapping);
      line = std::strchr(line, '\n');
      if (line != nullptr) ++line;
    }
  }

 private:
  std::array<char, 256 << 10>& text_;
};

// Writes the address of each of the caller's own pages to `out`. Does not use the heap meanwhile.
void tell_own_pages(const Mappings& mappings, Scratch& scratch, int out) {
  auto& entries = scratch.entries;
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  mappings.each([&](const Mapping& mapping) {
    const std::uintptr_t step = entries.size() * page_bytes();
    for (std::uintptr_t at = mapping.begin; at < mapping.end; at += step) {
      const std::size_t count = std::min(step, mapping.end - at) / page_bytes();
      const auto bytes = static_cast<ssize_t>(count * sizeof entries[0]);
      const auto offset = static_cast<off_t>(at / page_bytes() * sizeof entries[0]);
      if (::pread(pagemap.get(), entries.data(), static_cast<std::size_t>(bytes), offset) != bytes)
        return;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uintptr_t page = at + i * page_bytes();
        if ((entries[i] & (kPresent | kMappedOnce | kFileOrShared)) == (kPresent | kMappedOnce) &&
            ::write(out, &page, sizeof page) != sizeof page)
          ::_exit(1);
      }
    }
  });
}

// Makes the recorder end with the zygote, and closes the descriptors by whose closing others
// learn of the zygote's end. Returns the descriptor to write to, or -1.
int stand_alone(pid_t zygote, int out) {
  if (sandbox::die_with_parent(sandbox::Step::warm_up).failed() || ::getppid() != zygote) return -1;
  if (out != kControlFd && ::dup3(out, kControlFd, O_CLOEXEC) == -1) return -1;
  return sys::close_range(kControlFd + 1, ~0u) == -1 ? -1 : kControlFd;
}

}  // namespace

WorkingSet WorkingSet::record(const std::function<void()>& life) {
  WorkingSet set;
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) == -1) return set;
  UniqueFd read_end(pair[0]), write_end(pair[1]);
  void* const shared =
      ::mmap(nullptr, sizeof(Scratch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return set;
  const pid_t zygote = ::getpid(), pid = ::fork();
  if (pid == 0) {
    const int out = stand_alone(zygote, write_end.get());
    if (out == -1) ::_exit(1);
    auto& scratch = *static_cast<Scratch*>(shared);
    const Mappings mappings(scratch);
    life();
    tell_own_pages(mappings, scratch, out);
    ::_exit(0);
  }
  ::munmap(shared, sizeof(Scratch));
  write_end.reset();
  std::uintptr_t page;
  while (sys::read_all(read_end.get(), &page, sizeof page)) {
    if (!set.ranges_.empty() && page - set.ranges_.back().end <= kGapPages * page_bytes())
      set.ranges_.back().end = page + page_bytes();
    else
      set.ranges_.push_back({page, page + page_bytes()});
  }
  if (pid > 0) sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  return set;
}

void WorkingSet::populate() const {
  for (const Range& range : ranges_)
    ::madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, MADV_POPULATE_WRITE);
}

}  // namespace pyexec
