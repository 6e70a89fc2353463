// Splits a batch, received in pieces of any size, into its items: lines, or the elements of a JSON
// array. Does not parse the items. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pyexec {

class JsonItems {
 public:
  enum class Form { lines, array };
  JsonItems(Form form, std::uint64_t most_bytes) : form_(form), most_bytes_(most_bytes) {}

  void push(std::string_view piece) {
    if (is_over_) return;
    buffer_.erase(0, std::exchange(begin_, 0));
    // Frees the memory of a large item that is long gone.
    if (buffer_.empty() && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
    buffer_ += piece;
  }
  void end() { is_ended_ = true; }  // nothing more comes

  struct Item {
    enum class What {
      item,
      too_large,  // only this one
      broken      // the rest cannot be split; no item follows
    } what;
    std::string text;  // the item as received, or else the reason
  };
  // Returns nullopt if more input is needed or, after `end`, no item is left. Skips blank lines.
  std::optional<Item> next();

  std::size_t bytes() const { return buffer_.capacity(); }

 private:
  static constexpr std::size_t kKeptBytes = 128 << 10;

  std::optional<Item> next_line();
  bool is_blank(std::size_t end) const;
  std::optional<Item> next_element();
  std::optional<Item> begin_element();
  bool skip_spaces();
  std::optional<Item> take(std::size_t end);
  std::optional<Item> break_off(std::string why);
  void forget(std::size_t bytes);
  std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }

  Form form_;
  std::uint64_t most_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;  // start of this item in the buffer
  std::size_t at_ = 0;     // how far the item has been scanned
  bool is_ended_ = false, is_over_ = false, is_dropping_ = false;
  bool is_dropped_blank_ = false;  // whether the dropped part of a line was blank
  // Only for arrays.
  enum class Place { before, first, element, after_element, after } place_ = Place::before;
  bool is_past_mark_ = false;  // a byte order mark is allowed only at the very beginning
  std::uint64_t depth_ = 0;
  bool in_string_ = false, is_escaped_ = false;
};

}  // namespace pyexec
