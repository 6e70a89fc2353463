#include "server/json/json_members.h"

#include <rapidjson/document.h>

namespace pyexec {
namespace {

// Returns the end of the string that begins at `at`, beyond its closing quote.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

// Returns the end of the value that begins at `at`: the comma, brace or bracket after it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  for (std::size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return at;
}

}  // namespace

std::optional<std::string> text_of_json(std::string_view json) {
  if (!json.starts_with('"')) return std::nullopt;
  rapidjson::Document parsed;
  parsed.Parse(json.data(), json.size());
  if (parsed.HasParseError() || !parsed.IsString()) return std::nullopt;
  return std::string(parsed.GetString(), parsed.GetStringLength());
}

std::vector<std::string_view> items_of_json(std::string_view json) {
  constexpr std::size_t kSeparator = 2;  // ", "
  std::vector<std::string_view> items;
  if (!json.starts_with('[')) return items;
  for (std::size_t at = 1; at < json.size() && json[at] != ']';) {
    const std::size_t end = end_of_value(json, at);
    items.push_back(json.substr(at, end - at));
    at = end + kSeparator;
  }
  return items;
}

std::optional<JsonMembers> JsonMembers::of(std::string_view text) {
  if (!text.starts_with('{')) return std::nullopt;
  constexpr std::size_t kSeparator = 2;  // ": " and ", "
  JsonMembers out;
  for (std::size_t at = 1; at < text.size() && text[at] == '"';) {
    const std::size_t name_end = end_of_string(text, at);
    if (out.members_.size() == kMost) return std::nullopt;
    auto name = text_of_json(text.substr(at, name_end - at));
    if (!name || name_end + kSeparator > text.size()) return std::nullopt;
    const std::size_t value = name_end + kSeparator, end = end_of_value(text, value);
    out.members_.emplace_back(*std::move(name), text.substr(value, end - value));
    at = end + kSeparator;
  }
  return out;
}

std::string_view JsonMembers::operator[](std::string_view name) const {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member)
    if (member->first == name) return member->second;
  return {};
}

std::optional<std::string> JsonMembers::text(std::string_view name) const {
  return text_of_json((*this)[name]);
}

JsonMembers JsonMembers::object(std::string_view name) const {
  return of((*this)[name]).value_or(JsonMembers());
}

}  // namespace pyexec
