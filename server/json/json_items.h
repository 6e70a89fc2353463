// The items of a batch, cut from a body that comes in pieces of any size: lines, or the elements of
// a JSON array. Looks at no item's inside. Pure.
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
    // A large item is not to keep its room when it is long gone.
    if (buffer_.empty() && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
    buffer_ += piece;
  }
  void end() { is_ended_ = true; }  // nothing more comes

  struct Item {
    enum class What {
      item,
      too_large,  // of this one only
      broken      // what follows cannot be told apart: the last one
    } what;
    std::string text;  // of an item, as it came; else why
  };
  // Nothing: more has to come first, or, after `end`, it was the last. Blank lines are no items.
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
  std::size_t begin_ = 0;  // of this item, in the buffer
  std::size_t at_ = 0;     // in the item, as far as it has been looked at
  bool is_ended_ = false, is_over_ = false, is_dropping_ = false;
  bool is_dropped_blank_ = false;  // of a line, what was dropped of it
  // Of arrays.
  enum class Place { before, first, element, after_element, after } place_ = Place::before;
  bool is_past_mark_ = false;  // a byte order mark stands at the very beginning or nowhere
  std::uint64_t depth_ = 0;
  bool in_string_ = false, is_escaped_ = false;
};

}  // namespace pyexec
