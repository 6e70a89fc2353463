#include "server/json/json_items.h"

#include <algorithm>
#include <utility>

#include "server/json/json_text.h"

namespace pyexec {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

bool is_space(std::string_view text) {
  return text.find_first_not_of(kSpaces) == std::string_view::npos;
}

}  // namespace

std::optional<JsonItems::Item> JsonItems::next() {
  if (is_over_) return std::nullopt;
  return form_ == Form::lines ? next_line() : next_element();
}

void JsonItems::forget(std::size_t bytes) {
  begin_ += bytes;
  at_ = 0;
}

std::optional<JsonItems::Item> JsonItems::break_off(std::string why) {
  is_over_ = true;
  return Item{Item::What::broken, std::move(why)};
}

// Returns the item that ends before `end`, or that it is too large.
std::optional<JsonItems::Item> JsonItems::take(std::size_t end) {
  Item item = {Item::What::item, std::string(rest().substr(0, end))};
  if (is_dropping_ || end > most_bytes_)
    item = {Item::What::too_large,
            "this item is larger than the limit of " + std::to_string(most_bytes_) + " bytes"};
  is_dropping_ = false;
  forget(end);
  return item;
}

// Whether the line is blank up to `end`, including the part that was dropped.
bool JsonItems::is_blank(std::size_t end) const {
  const std::string_view text = rest().substr(0, end);
  if (is_dropping_) return is_dropped_blank_ && is_space(text);
  return is_space(without_byte_order_mark(text));
}

std::optional<JsonItems::Item> JsonItems::next_line() {
  for (;;) {
    const std::size_t end = rest().find('\n', at_);
    if (end == std::string_view::npos) {
      at_ = rest().size();
      if (!is_ended_) {
        if (at_ > most_bytes_) {
          is_dropped_blank_ = is_blank(at_);
          is_dropping_ = true;
          forget(at_);
        }
        return std::nullopt;
      }
      is_over_ = true;
      if (is_blank(rest().size())) return std::nullopt;
      return take(rest().size());
    }
    if (!is_blank(end)) {
      auto item = take(end);
      forget(1);
      return item;
    }
    is_dropping_ = false;
    forget(end + 1);
  }
}

// Returns whether something follows.
bool JsonItems::skip_spaces() {
  if (!std::exchange(is_past_mark_, is_past_mark_ || !rest().empty()))
    forget(rest().size() - without_byte_order_mark(rest()).size());
  const std::size_t next = rest().find_first_not_of(kSpaces);
  forget(std::min(next, rest().size()));
  return !rest().empty();
}

// Skips to the first byte of an element. Returns an item only on an error; otherwise `place_` tells
// whether the byte was reached.
std::optional<JsonItems::Item> JsonItems::begin_element() {
  while (place_ != Place::element) {
    const bool may_be_mark = !is_past_mark_ && rest().size() < 3 && rest().starts_with('\xef');
    if (may_be_mark && !is_ended_) return std::nullopt;
    if (!skip_spaces()) {
      if (!is_ended_ || place_ == Place::after) return std::nullopt;
      return break_off("the body ends before its JSON array does");
    }
    const char c = rest().front();
    const Place before = place_;
    if (before == Place::after) return break_off("something follows the JSON array");
    if (before == Place::before && c != '[')
      return break_off("the body must be a JSON array, or lines of JSON as application/x-ndjson");
    if (before == Place::after_element && c != ',' && c != ']')
      return break_off("there is no comma between two elements of the JSON array");
    if (before == Place::before) {
      place_ = Place::first;
    } else if (c == ']') {
      place_ = Place::after;
    } else {
      place_ = Place::element;
      if (before == Place::first) return std::nullopt;
    }
    forget(1);
  }
  return std::nullopt;
}

std::optional<JsonItems::Item> JsonItems::next_element() {
  if (auto problem = begin_element()) return problem;
  if (place_ != Place::element) return std::nullopt;
  if (at_ == 0 && !is_dropping_ && !skip_spaces() && !is_ended_) return std::nullopt;
  for (const std::string_view text = rest(); at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (in_string_) {
      if (!std::exchange(is_escaped_, c == '\\' && !is_escaped_) && c == '"') in_string_ = false;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (depth_ > 0 && (c == '}' || c == ']')) {
      --depth_;
    } else if (depth_ == 0 && (c == ',' || c == ']')) {
      place_ = Place::after_element;
      return take(at_);
    }
  }
  if (is_ended_) return break_off("the body ends before its JSON array does");
  if (at_ > most_bytes_) {
    is_dropping_ = true;
    forget(at_);
  }
  return std::nullopt;
}

}  // namespace pyexec
