// The warm interpreter's memory as an image: one file in memory, sealed, in huge pages, and mapped
// privately over the memory that it was copied from. A fork of a process laid out like this copies
// less than half the mappings, and hardly any page table: a page of the file that nobody has
// written to is found in the file again. What a process writes is its own, as before.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyexec {

struct ImageResult {
  const char* refused_step;  // nullptr: the memory is an image now
  int error;                 // errno of that step, or 0
  std::size_t bytes;         // of the file
};

// Runs in the zygote, which has one thread, once it is ready to be forked. If the kernel refuses a
// step, the memory stays as it was. Throws std::runtime_error if it cannot be mapped or sealed to
// the end: such a process must not be forked.
ImageResult make_memory_image();

}  // namespace pyexec
