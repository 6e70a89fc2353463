// The layout of the zygote's memory. A fork copies, and its end tears down, one entry for each page
// of 4 KiB or each huge page of 2 MiB. So the memory that the zygote keeps for all workers is
// placed together in huge pages, as far as the kernel has them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/job/memory_image.h"

namespace pyexec {

// Runs in the zygote, before Python and before any large allocation.
void lay_out_memory();

// Allocates an arena for Python's objects (PyObjectArenaAllocator). Arenas are contiguous, so that
// they fill huge pages. Returns nullptr if the system has no memory.
void* make_arena(std::size_t bytes);
void end_arena(void* arena, std::size_t bytes);

// Runs in the zygote. Later objects are placed together, not in the gaps that freed objects have
// left. `make_object` is Python's allocator of small objects.
void close_gaps(void* (*make_object)(std::size_t));

enum class MemoryForm : std::uint32_t {
  image,  // one file (memory_image.h), where the kernel allows it; else pages
  pages,  // of the process's own, huge ones as far as the kernel has them
};

// Runs in the zygote, once it is ready to be forked: frees unused memory, and puts the rest in
// form. Returns what became of the image, if one was wanted.
ImageResult seal_memory(MemoryForm wanted);

}  // namespace pyexec
