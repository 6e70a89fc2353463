// The output of a job, up to a cap. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/base/utf8.h"

namespace pyexec {

class OutputCapture {
 public:
  explicit OutputCapture(std::uint64_t cap_bytes) : cap_bytes_(cap_bytes) {}

  void append(std::string_view bytes) {
    if (is_sealed_) return;
    const auto room = static_cast<std::size_t>(cap_bytes_ - kept_.size());
    kept_.append(bytes.substr(0, room));
    if (bytes.size() > room) truncated_ = true;
  }
  void seal() { is_sealed_ = true; }
  bool truncated() const { return truncated_; }
  // If output was cut off, ends at a character boundary.
  std::string_view text() const {
    return truncated_ ? without_cut_character(kept_) : std::string_view(kept_);
  }

 private:
  std::uint64_t cap_bytes_;
  std::string kept_;
  bool truncated_ = false, is_sealed_ = false;
};

}  // namespace pyexec
