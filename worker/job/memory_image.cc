// Between the copy of a range and its mapping nothing may be written to it. So the second half of
// this file keeps what it changes on the stack, which is no part of the image, and calls nothing
// but the kernel.
#include "worker/job/memory_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "sandbox/base/unique_fd.h"
#include "worker/job/huge_pages.h"
#include "worker/job/own_mappings.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

namespace pyexec {
namespace {

// Two kinds of mappings, so that most neighbours of a library merge: code with its constants, and
// data. One kind for all, writable and executable, would make another tenth of the forks
// (tests/bench/README.md), and a flaw of a C library easier to turn into code.
constexpr int kCode = PROT_READ | PROT_EXEC, kData = PROT_READ | PROT_WRITE;

struct Range {
  std::uintptr_t begin, end;
  std::uintptr_t offset;  // in the file
  int rights;             // kCode or kData
};

// What a fork or the kernel treats in a way of its own would lose that: wf is wiped in a child (the
// C library's random numbers), dc is not there, dp may be dropped, the others are the kernel's.
bool is_ordinary(const OwnMapping& mapping) {
  if (mapping.flags.empty()) return false;
  for (const char* flag : {" wf ", " dc ", " dp ", " lo ", " io ", " pf ", " sl ", " ss ", " um ",
                           " uw ", " ht ", " sh "})
    if (mapping.flags.find(flag) != std::string::npos) return false;
  return true;
}

bool belongs_to_image(const OwnMapping& mapping) {
  const bool is_kernels = mapping.file.starts_with("[") && mapping.file != "[heap]";
  const bool is_both = mapping.allowed[1] == 'w' && mapping.allowed[2] == 'x';
  return mapping.allowed[0] == 'r' && mapping.allowed[3] == 'p' && !is_both && !is_kernels &&
         is_ordinary(mapping);
}

// Ranges that are close to each other lie in the file as they do in memory, so that neighbours
// become one mapping. Returns the size of the file.
std::uintptr_t lay_out(std::vector<Range>& ranges) {
  constexpr std::uintptr_t kFar = kHugePage;
  std::uintptr_t size = 0, end = 0, shift = 0;
  for (Range& range : ranges) {
    if (end == 0 || range.begin - end > kFar) {
      size = huge_page_up(size);
      shift = huge_page_down(range.begin) - size;
    }
    range.offset = range.begin - shift;
    end = range.end;
    size = range.offset + (range.end - range.begin);
  }
  return huge_page_up(size);
}

std::vector<Range> image_ranges() {
  std::vector<Range> ranges;
  for (const OwnMapping& mapping : own_mappings(true))
    if (belongs_to_image(mapping))
      ranges.push_back({mapping.begin, mapping.end, 0, mapping.allowed[1] == 'w' ? kData : kCode});
  return ranges;
}

// Whether the list holds: to make it took memory, and gave some back.
bool are_mapped(const std::vector<Range>& ranges) {
  for (const Range& range : ranges)  // ENOMEM tells of a hole; nothing else comes of it
    if (::msync(reinterpret_cast<void*>(range.begin), range.end - range.begin, MS_ASYNC) == -1)
      return false;
  return true;
}

// Memory that the file is seen through, at a huge page. Shared, and so no part of the image.
class View {
 public:
  View(int file, std::size_t size) : size_(size + kHugePage) {
    room_ = ::mmap(nullptr, size_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room_ == MAP_FAILED) return;
    begin_ = huge_page_up(reinterpret_cast<std::uintptr_t>(room_));
    if (::mmap(reinterpret_cast<void*>(begin_), size, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) ==
        MAP_FAILED)
      begin_ = 0;
  }
  ~View() {
    if (room_ != MAP_FAILED) ::munmap(room_, size_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  std::uintptr_t begin() const { return begin_; }  // 0: there is none

 private:
  std::size_t size_;
  void* room_;
  std::uintptr_t begin_ = 0;
};

int make_file() {
  const int file = ::memfd_create("pyexec", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (file != -1 || errno != EINVAL) return file;
  return ::memfd_create("pyexec", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before Linux 6.3
}

bool copy(const Range& range, int file) {
  for (std::uintptr_t at = range.begin; at < range.end;) {
    const ssize_t written = ::pwrite(file, reinterpret_cast<const void*>(at), range.end - at,
                                     static_cast<off_t>(range.offset + (at - range.begin)));
    if (written <= 0) return false;
    at += static_cast<std::uintptr_t>(written);
  }
  return true;
}

// Makes huge pages of what is in the file. Returns whether most of it lies in some: in small ones
// it would be slower than the memory as it was.
bool collapse_most(const View& view, const std::vector<Range>& ranges) {
  std::size_t huge = 0, all = 0;
  std::uintptr_t at = 0;  // all before it has been looked at
  for (const Range& range : ranges)
    for (at = std::max(at, huge_page_down(range.offset));
         at < range.offset + (range.end - range.begin); at += kHugePage, ++all)
      if (collapse(view.begin() + at)) ++huge;
  return huge * 4 >= all * 3;
}

// Whether the kernel lets the whole file be mapped as it will be: with these rights, and with this
// much memory.
bool can_map(int file, std::size_t size) {
  for (const int rights : {kCode, kData}) {
    void* const trial = ::mmap(nullptr, size, rights, MAP_PRIVATE, file, 0);
    if (trial == MAP_FAILED) return false;
    ::munmap(trial, size);
  }
  return true;
}

bool can_seal() {
  const UniqueFd trial(make_file());
  return trial && ::fcntl(trial.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

[[noreturn]] void fail_for_good(const char* step) {
  throw std::runtime_error(std::string("the image of the interpreter's memory: ") + step + ": " +
                           std::generic_category().message(errno));
}

bool map_over(const Range& range, int file) {
  return ::mmap(reinterpret_cast<void*>(range.begin), range.end - range.begin, range.rights,
                MAP_PRIVATE | MAP_FIXED, file, static_cast<off_t>(range.offset)) != MAP_FAILED;
}

// EBUSY: the kernel itself holds a page for a moment.
bool seal(int file) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  constexpr timespec kPause = {0, 10'000'000};
  for (int tries = 0; ::fcntl(file, F_ADD_SEALS, kSeals) == -1; ::nanosleep(&kPause, nullptr))
    if (errno != EBUSY || ++tries == 100) return false;
  return true;
}

// Returns the step that failed, or nullptr.
__attribute__((noinline)) const char* replace(const Range* first, const Range* last, int file) {
  for (const Range* range = first; range != last; ++range) {
    if (!copy(*range, file)) return "copy";
    if (!map_over(*range, file)) return "map";
  }
  return nullptr;
}

}  // namespace

ImageResult make_memory_image() {
  const auto refused = [](const char* step) { return ImageResult{step, errno, 0}; };
  errno = 0;
  if (!can_seal()) return refused("seal");
  const UniqueFd file(make_file());
  if (!file) return refused("create");
  errno = 0;
  std::vector<Range> ranges = image_ranges();
  const std::size_t size = lay_out(ranges);
  // From here on nothing is allocated or freed, so that the list holds to the end.
  if (ranges.empty() || !are_mapped(ranges)) return refused("list");
  if (::ftruncate(file.get(), static_cast<off_t>(size)) == -1) return refused("resize");
  if (!can_map(file.get(), size)) return refused("map");
  {
    const View view(file.get(), size);
    if (view.begin() == 0) return refused("view");
    for (const Range& range : ranges)
      if (!copy(range, file.get())) return refused("copy");
    if (!collapse_most(view, ranges)) return refused("huge pages");
  }
  // A hole could be filled by a job that grows its mapping over it, and would stay filled.
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(size)) == -1) return refused("fill");
  if (const char* step = replace(ranges.data(), ranges.data() + ranges.size(), file.get()))
    fail_for_good(step);
  if (!seal(file.get())) fail_for_good("seal");
  return {nullptr, 0, size};
}

}  // namespace pyexec
