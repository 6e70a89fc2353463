#include "server/job/cell_source.h"

namespace pyexec {
namespace {

std::string_view without_spaces(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\f");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool is_blank_or_comment(std::string_view line) {
  const std::string_view rest = without_spaces(line);
  return rest.empty() || rest[0] == '#';
}

// Takes a word and the space after it from the beginning of `line`, if it begins so.
bool take_word(std::string_view& line, std::string_view word) {
  if (!line.starts_with(word)) return false;
  const std::string_view rest = without_spaces(line.substr(word.size()));
  if (rest.size() + word.size() == line.size()) return false;
  line = rest;
  return true;
}

bool begins_main(std::string_view line) {
  take_word(line, "async");
  return take_word(line, "def") && line.starts_with("main") &&
         without_spaces(line.substr(4)).starts_with('(');
}

}  // namespace

bool only_defines_main(std::string_view code) {
  bool has_begun = false;
  while (!code.empty()) {
    const std::size_t end = code.find_first_of("\r\n");
    const std::string_view line = code.substr(0, end);
    code.remove_prefix(end == std::string_view::npos ? code.size() : end + 1);
    if (is_blank_or_comment(line)) continue;
    if (has_begun ? line[0] != ' ' && line[0] != '\t' : !begins_main(line)) return false;
    has_begun = true;
  }
  return has_begun;
}

}  // namespace pyexec
