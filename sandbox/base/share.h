// How much processor time a slot's processes get when there is not enough for everybody: what its
// control group's file, `cpu.weight` or `cpu.shares`, is given.
#pragma once

#include <cstdint>
#include <string_view>

namespace pyexec::sandbox {

enum class Share : std::uint32_t {
  full,   // that of a job that runs
  least,  // a hundredth of that: of one that waits
};

enum class ShareFile : std::uint32_t {
  none,    // no control group distributes processor time
  weight,  // version 2
  shares,  // version 1
};

constexpr std::string_view share_text(ShareFile file, Share share) {
  if (file == ShareFile::weight) return share == Share::full ? "100" : "1";
  return share == Share::full ? "1024" : "10";
}

}  // namespace pyexec::sandbox
