// Huge pages, of 2 MiB.
#pragma once

#include <sys/mman.h>

#include <cstdint>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace pyexec {

inline constexpr std::uintptr_t kHugePage = 2 << 20;

constexpr std::uintptr_t huge_page_down(std::uintptr_t address) {
  return address / kHugePage * kHugePage;
}
constexpr std::uintptr_t huge_page_up(std::uintptr_t address) {
  return huge_page_down(address + kHugePage - 1);
}

// Makes one huge page of the small ones from `at` on. Returns whether the kernel did.
inline bool collapse(std::uintptr_t at) {
  return ::madvise(reinterpret_cast<void*>(at), kHugePage, MADV_COLLAPSE) == 0;
}

}  // namespace pyexec
