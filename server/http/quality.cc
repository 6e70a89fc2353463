#include "server/http/quality.h"

#include <algorithm>

#include "server/base/ascii.h"

namespace pyexec {
namespace {

constexpr std::string_view kSpaces = " \t";
// Characters of tokens, and the slash of media types.
constexpr std::string_view kNameCharacters = "!#$%&'*+-.^_`|~/";

// Returns thousandths; nullopt unless it is `0[.ddd]` or `1[.000]`, or the same without the 0.
std::optional<int> parse_quality(std::string_view text) {
  constexpr std::size_t kMostDigits = 3;
  if (text.empty()) return std::nullopt;
  int thousandths = 0;
  if (text[0] == '0' || text[0] == '1') {
    thousandths = text[0] - '0';
    text.remove_prefix(1);
  } else if (text.size() == 1) {
    return std::nullopt;
  }
  if (!text.empty() && text[0] != '.') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  if (text.size() > kMostDigits || !std::all_of(text.begin(), text.end(), is_ascii_digit))
    return std::nullopt;
  for (std::size_t i = 0; i < kMostDigits; ++i)
    thousandths = 10 * thousandths + (i < text.size() ? text[i] - '0' : 0);
  if (thousandths > 1000) return std::nullopt;
  return thousandths;
}

// Returns the text up to a `separator` outside of quotes. Removes both from the front of `text`.
std::string_view take_part(std::string_view& text, char separator) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (is_quoted || text[end] != separator); ++end) {
    if (is_quoted && text[end] == '\\')
      ++end;
    else if (text[end] == '"')
      is_quoted = !is_quoted;
  }
  end = std::min(end, text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part, kSpaces);
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<Choice> parse_choice(std::string_view member) {
  Choice choice = {in_lower_case(take_part(member, ';'))};
  if (choice.name.empty() || !is_alphanumeric_or(choice.name, kNameCharacters)) return std::nullopt;
  while (!member.empty()) {
    std::string_view value = take_part(member, ';');
    const std::string name = in_lower_case(take_part(value, '='));
    if (name != "q") continue;
    const auto quality = parse_quality(value);
    if (!quality) return std::nullopt;
    choice.thousandths = *quality;
  }
  return choice;
}

}  // namespace

std::vector<Choice> parse_choices(std::string_view list) {
  std::vector<Choice> choices;
  while (!list.empty())
    if (auto choice = parse_choice(take_part(list, ','))) choices.push_back(*std::move(choice));
  return choices;
}

std::string joined(const boost::beast::http::fields& head, boost::beast::http::field name) {
  std::string list;
  const auto [begin, end] = head.equal_range(name);
  for (auto line = begin; line != end; ++line) {
    if (!list.empty()) list += ", ";
    list += std::string_view(line->value());
  }
  return list;
}

}  // namespace pyexec
