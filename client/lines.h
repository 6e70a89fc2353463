// Lines, cut from text that comes in pieces of any size. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyexec::client {

class Lines {
 public:
  void push(std::string_view piece) {
    buffer_.erase(0, begin_);
    looked_ -= begin_;
    begin_ = 0;
    buffer_ += piece;
  }

  // Without its newline; good until the next push. Nothing: more has to come first.
  std::optional<std::string_view> next() {
    const auto end = buffer_.find('\n', looked_);
    if (end == std::string::npos) {
      looked_ = buffer_.size();
      return std::nullopt;
    }
    const auto line = std::string_view(buffer_).substr(begin_, end - begin_);
    begin_ = looked_ = end + 1;
    return line;
  }
  // What stands behind the last newline.
  std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;   // of the next line
  std::size_t looked_ = 0;  // no newline from begin_ to here
};

// The service skips such lines, and does not count them.
inline bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace pyexec::client
