// Where the zygote's memory lies. A fork copies, and the end of the fork takes apart, one entry for
// each page of 4 KiB, or for each huge page of 2 MiB: what the zygote keeps for all workers is put
// together in huge pages, as far as the kernel has them.
#pragma once

#include <cstddef>

namespace pyexec {

// Runs in the zygote, before Python and before any large allocation.
void lay_out_memory();

// Where Python's objects lie, as of PyObjectArenaAllocator: one after the other, so that they fill
// huge pages. nullptr when the system has no memory.
void* make_arena(std::size_t bytes);
void end_arena(void* arena, std::size_t bytes);

// Runs in the zygote: what is made from here on lies together, not in the gaps that what was freed
// has left between what stays. `make_object` is Python's allocator of small objects.
void close_gaps(void* (*make_object)(std::size_t));

// Runs in the zygote, once it is as it is to be forked: gives back what is unused, and makes huge
// pages of the rest.
void seal_memory();

}  // namespace pyexec
