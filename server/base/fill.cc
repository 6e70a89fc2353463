#include "server/base/fill.h"

#include <algorithm>
#include <stdexcept>

namespace pyexec {
namespace {

constexpr char kMark = '@';
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz_";

struct Entity {
  char character;
  std::string_view html;
};
constexpr Entity kEntities[] = {
    {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

// Returns the name of the blank at the start of the text; empty if there is none.
std::string_view blank_at(std::string_view text) {
  const auto end = text.find_first_not_of(kNameLetters, 1);
  return end != std::string_view::npos && text[end] == kMark ? text.substr(1, end - 1)
                                                             : std::string_view();
}

const std::string& value_of(std::string_view name, std::span<const Blank> blanks) {
  const auto known = std::find_if(blanks.begin(), blanks.end(),
                                  [name](const Blank& blank) { return blank.name == name; });
  if (known == blanks.end()) throw std::logic_error("no value for @" + std::string(name) + "@");
  return known->value;
}

}  // namespace

std::string fill(std::string_view text, std::span<const Blank> blanks) {
  std::string out;
  while (!text.empty()) {
    const auto mark = std::min(text.find(kMark), text.size());
    out += text.substr(0, mark);
    text.remove_prefix(mark);
    if (text.empty()) break;
    const std::string_view name = blank_at(text);
    out += name.empty() ? text.substr(0, 1) : std::string_view(value_of(name, blanks));
    text.remove_prefix(name.empty() ? 1 : name.size() + 2);
  }
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto row = std::find_if(std::begin(kEntities), std::end(kEntities),
                                  [c](const Entity& entity) { return entity.character == c; });
    if (row == std::end(kEntities))
      out += c;
    else
      out += row->html;
  }
  return out;
}

}  // namespace pyexec
