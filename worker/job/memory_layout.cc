#include "worker/job/memory_layout.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "worker/job/huge_pages.h"
#include "worker/job/own_mappings.h"

namespace pyexec {
namespace {

// Room for Python's own objects; 25 MiB were measured on Python 3.11 with pandas 1.5. The unused
// rest is given back.
constexpr std::uintptr_t kArenasBytes = 128 << 20;
constexpr std::uintptr_t kArena = 1 << 20;  // ARENA_SIZE of CPython's obmalloc, since 3.10

// Allocates arenas one after the other in one mapping while it has room. Arenas of other sizes,
// and those of workers, are allocated as Python would. Immutable once sealed: from then on
// interpreters of several threads may call it.
class Arenas {
 public:
  void start(std::uintptr_t begin, std::uintptr_t end) { begin_ = next_ = begin, end_ = end; }

  void* make(std::size_t size) {
    if (!is_sealed_ && size == kArena && free_count_ > 0)
      return reinterpret_cast<void*>(newest_ = free_[--free_count_]);
    if (!is_sealed_ && size == kArena && end_ - next_ >= size)
      return reinterpret_cast<void*>(newest_ = std::exchange(next_, next_ + size));
    void* const arena =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? nullptr : arena;
  }

  // Unmaps no arena of the mapping: an unrelated small mapping would soon take the hole.
  void end(void* arena, std::size_t size) {
    const auto at = reinterpret_cast<std::uintptr_t>(arena);
    if (at < begin_ || at >= next_)
      ::munmap(arena, size);
    else if (is_sealed_)
      ::madvise(arena, size, MADV_DONTNEED);
    else
      free_[free_count_++] = at;
  }

  // Returns the address of the last arena made.
  std::uintptr_t newest() const { return newest_; }

  void seal() {
    if (end_ > next_) ::munmap(reinterpret_cast<void*>(next_), end_ - next_);
    end_ = next_;
    is_sealed_ = true;
  }

 private:
  std::uintptr_t begin_ = 0, next_ = 0, end_ = 0, newest_ = 0;
  std::array<std::uintptr_t, kArenasBytes / kArena> free_ = {};
  std::size_t free_count_ = 0;
  bool is_sealed_ = false;
};
Arenas arenas;

// Makes a library's relocated pages, which the dynamic linker filled in and then made read-only,
// writable again, so that they merge with the data mapping behind them. The protection guards
// nothing: the code that runs in this memory is the script itself.
void merge_relocated_pages(const std::vector<OwnMapping>& all) {
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    if (all[i].allowed == "r--p" && all[i + 1].allowed == "rw-p" && all[i].file[0] == '/' &&
        all[i].file == all[i + 1].file && all[i].end == all[i + 1].begin)
      ::mprotect(reinterpret_cast<void*>(all[i].begin), all[i].end - all[i].begin,
                 PROT_READ | PROT_WRITE);
}

void collapse_all(const OwnMapping& mapping) {
  for (std::uintptr_t at = huge_page_up(mapping.begin); at + kHugePage <= mapping.end;
       at += kHugePage)
    collapse(at);
}

void rearrange(const std::vector<OwnMapping>& all) {
  merge_relocated_pages(all);
  for (const OwnMapping& mapping : all)
    if (mapping.allowed == "rw-p" && (mapping.file.empty() || mapping.file == "[heap]"))
      collapse_all(mapping);
}

// Sorts now what the next large request would sort: free chunks all over the heap. Every worker
// would write to hundreds of pages for that.
void sort_the_free_list() {
  void* volatile large = std::malloc(100'000);
  std::free(large);
}

// Makes objects of every size that CPython's obmalloc serves, until they lie in a new arena.
void close_gaps_between_objects(void* (*make_object)(std::size_t)) {
  constexpr std::size_t kStep = 16, kLargest = 512, kMostGapBytes = 32 << 20;
  const std::uintptr_t before = arenas.newest();
  // The bound exceeds all gaps that exist; where arenas are made in another way, the loop would
  // not end.
  std::size_t left = kMostGapBytes;
  const auto make = [&](std::size_t size) {
    left -= std::min(left, size);
    return left == 0 ? 0 : reinterpret_cast<std::uintptr_t>(make_object(size));
  };
  while (arenas.newest() == before)
    if (make(kLargest) == 0) return;
  for (std::size_t size = kStep; size <= kLargest; size += kStep)
    for (std::uintptr_t at = 1; at != 0 && at - arenas.newest() >= kArena;) at = make(size);
}

// Allocates every size that glibc keeps a list of, after larger ones, until the chunks lie where
// the heap grows.
void close_gaps_in_the_heap() {
  constexpr std::size_t kListed = 1032, kLargest = 64 * kListed, kStep = 16, kSmallest = 24;
  const auto top = reinterpret_cast<std::uintptr_t>(::sbrk(0)) - ::mallinfo2().keepcost;
  for (std::size_t size = kLargest; size >= kSmallest;
       size = size > kListed ? size / 2 : size - kStep) {
    void* made;
    do {
      made = std::malloc(size);
    } while (made != nullptr && reinterpret_cast<std::uintptr_t>(made) < top);
    std::free(made);
  }
}

// A job's memory is bounded by its address space, and a thread that holds little must not use
// much of it: glibc would reserve 64 MiB for each thread's heap, and 8 MiB for its stack.
void share_address_space() {
  constexpr std::size_t kThreadStack = 2 << 20;
  ::mallopt(M_ARENA_MAX, 1);
  pthread_attr_t attributes;
  ::pthread_getattr_default_np(&attributes);
  ::pthread_attr_setstacksize(&attributes, kThreadStack);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace

void close_gaps(void* (*make_object)(std::size_t)) {
  close_gaps_between_objects(make_object);
  close_gaps_in_the_heap();
}

void lay_out_memory() {
  void* const region = ::mmap(nullptr, kArenasBytes + kHugePage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region != MAP_FAILED) {
    const auto mapped = reinterpret_cast<std::uintptr_t>(region);
    const std::uintptr_t begin = huge_page_up(mapped);
    if (begin > mapped) ::munmap(region, begin - mapped);
    ::munmap(reinterpret_cast<void*>(begin + kArenasBytes), mapped + kHugePage - begin);
    arenas.start(begin, begin + kArenasBytes);
  }
  share_address_space();
  // Makes the heap begin at a huge page.
  const auto heap = reinterpret_cast<std::uintptr_t>(::sbrk(0));
  ::sbrk(static_cast<std::intptr_t>(huge_page_up(heap) - heap));
}

void* make_arena(std::size_t bytes) {
  return arenas.make(bytes);
}

void end_arena(void* arena, std::size_t bytes) {
  arenas.end(arena, bytes);
}

ImageResult seal_memory(MemoryForm wanted) {
  ::malloc_trim(0);
  arenas.seal();
  sort_the_free_list();
  ImageResult image = {"not wanted", 0, 0};
  if (wanted == MemoryForm::image) image = make_memory_image();
  if (image.refused_step != nullptr) rearrange(own_mappings(false));
  return image;
}

}  // namespace pyexec
