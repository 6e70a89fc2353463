#include "server/job/input_events.h"
#include "server/base/base64.h"

#include <algorithm>
#include <map>

#include "server/base/whole_number.h"
#include "server/job/input_rules.h"
#include "server/json/untrusted_json.h"

namespace pyexec {

using EventKind = JsonEvent::What;

std::optional<std::string> JsonCopy::take(const JsonEvent& event) {
  // Within what was refused, here or by its type, there is nothing to copy into.
  if (is_refused_ || (event.level > level_ && open_.empty())) return std::nullopt;
  const bool opens = event.what == EventKind::object || event.what == EventKind::array;
  is_refused_ = opens && static_cast<std::uint64_t>(event.level - level_) >= most_levels_;
  if (is_refused_)
    return in_quotes(name_) + " is nested deeper than the limit of " +
           std::to_string(most_levels_) + " levels";
  const auto size = static_cast<rapidjson::SizeType>(event.text.size());
  switch (event.what) {
    case EventKind::null:
      writer_.Null();
      break;
    case EventKind::boolean:
      writer_.Bool(event.text == "true");
      break;
    case EventKind::number:
      writer_.RawValue(event.text.data(), event.text.size(), rapidjson::kNumberType);
      break;
    case EventKind::string:
      writer_.String(event.text.data(), size);
      break;
    case EventKind::key:
      writer_.Key(event.text.data(), size);
      break;
    case EventKind::object:
      open_.push_back(event.what);
      writer_.StartObject();
      break;
    case EventKind::array:
      open_.push_back(event.what);
      writer_.StartArray();
      break;
    case EventKind::end:
      if (open_.empty()) break;  // of what was refused
      open_.back() == EventKind::object ? writer_.EndObject() : writer_.EndArray();
      open_.pop_back();
      break;
  }
  return std::nullopt;
}

std::optional<std::string> LineId::take(const JsonEvent& event) {
  constexpr std::size_t kMostBytes = 256;
  if (event.level > 0 || event.what == EventKind::end) return std::nullopt;
  const bool is_whole =
      event.what == EventKind::number && parse_whole(event.text).is != WholeNumber::Is::fraction;
  if (event.what != EventKind::string && !is_whole)
    return std::string("'id' field must be a string or a whole number, not ") + name_of(event.what);
  if (event.text.size() > kMostBytes)
    return "'id' is longer than " + std::to_string(kMostBytes) + " bytes";
  json_.clear();
  if (is_whole)
    json_ = event.text;
  else
    append_json_string(json_, event.text);
  return std::nullopt;
}

std::optional<std::string> InputFiles::take(const JsonEvent& event) {
  if (event.what == EventKind::key) {
    (event.level == 1 ? name_ : inner_) = event.text;
  } else if (event.level == 1) {
    if (event.what == EventKind::string) return add(std::string(event.text));
    if (event.what == EventKind::end && decoded_) return add(*std::move(decoded_));
    if (event.what != EventKind::object)
      return "'files' entry " + in_quotes(name_) + " must be a string or {\"base64\": \"...\"}";
    decoded_.reset();
  } else if (event.level == 2) {
    if (inner_ != "base64")
      return "unknown field " + in_quotes(inner_) + " in 'files' entry " + in_quotes(name_);
    decoded_ = event.what == EventKind::string ? decode_base64(event.text) : std::nullopt;
    if (!decoded_) return "'base64' of 'files' entry " + in_quotes(name_) + " is not base64";
  }
  return std::nullopt;
}

std::optional<std::string> InputFiles::add(std::string bytes) {
  constexpr std::size_t kMostFiles = 1000;
  std::string name = plain_path(name_);
  if (const auto problem = problem_with_name(name))
    return "name of 'files' entry " + in_quotes(name_) + " " + *problem;
  if (files_.size() == kMostFiles)
    return "'files' has more than " + std::to_string(kMostFiles) + " entries";
  files_.push_back({std::move(name), std::move(bytes)});
  given_.push_back(name_);
  return std::nullopt;
}

std::optional<std::string> InputFiles::check() const {
  std::map<std::string_view, std::size_t> names;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto [first, is_new] = names.emplace(files_[i].name, i);
    if (is_new) continue;
    const std::string& other = given_[first->second];
    if (other == given_[i]) return "'files' entry " + in_quotes(other) + " is given twice";
    return "'files' entries " + in_quotes(other) + " and " + in_quotes(given_[i]) +
           " are the same file";
  }
  for (const auto& [name, index] : names)
    for (std::size_t at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1))
      if (names.contains(name.substr(0, at)))
        return "'files' entry " + in_quotes(name.substr(0, at)) + " is a file and, for " +
               in_quotes(name) + ", a directory";
  return std::nullopt;
}

std::optional<std::string> Variables::take(const JsonEvent& event) {
  constexpr std::size_t kMostVariables = 100;
  if (event.what == EventKind::key && event.level == 1) name_ = event.text;
  if (event.what == EventKind::key || event.what == EventKind::end || event.level != 1)
    return std::nullopt;
  if (event.what != EventKind::string)
    return "'env' entry " + in_quotes(name_) + " must be a string, not " + name_of(event.what);
  if (const auto problem = problem_with_variable(name_, event.text, allowed_))
    return "'env' entry " + in_quotes(name_) + " " + *problem;
  if (variables_.size() == kMostVariables)
    return "'env' has more than " + std::to_string(kMostVariables) + " entries";
  if (std::any_of(variables_.begin(), variables_.end(),
                  [&](const auto& entry) { return entry.name == name_; }))
    return "'env' entry " + in_quotes(name_) + " is given twice";
  variables_.push_back({name_, std::string(event.text)});
  return std::nullopt;
}

std::optional<std::string> ToolList::add(std::string_view name) {
  constexpr std::size_t kMostTools = 200;
  if (const auto problem = problem_with_tool_name(name))
    return "'tools' entry " + in_quotes(name) + " " + *problem;
  if (names_.size() == kMostTools)
    return "'tools' has more than " + std::to_string(kMostTools) + " entries";
  if (std::find(names_.begin(), names_.end(), name) != names_.end())
    return "'tools' entry " + in_quotes(name) + " is given twice";
  names_.emplace_back(name);
  return std::nullopt;
}

std::optional<std::string> ToolList::take_member(const JsonEvent& event) {
  if (event.what == EventKind::key) {
    member_ = event.text;
    if (member_ == "name" || member_ == "description" || member_ == "input_schema")
      return std::nullopt;
    return "unknown field " + in_quotes(member_) +
           " in an entry of 'tools'; there are name, "
           "description and input_schema";
  }
  if (event.what == EventKind::end) return std::nullopt;
  const bool is_schema = member_ == "input_schema";
  if (event.what != (is_schema ? EventKind::object : EventKind::string))
    return in_quotes(member_) + " of an entry of 'tools' must be " +
           (is_schema ? "an object" : "a string") + ", not " + name_of(event.what);
  if (member_ != "name") return std::nullopt;
  has_name_ = true;
  return add(event.text);
}

std::optional<std::string> ToolList::take(const JsonEvent& event) {
  if (auto problem = copy_.take(event)) return problem;
  if (event.level == 2) return take_member(event);
  if (event.level != 1) return std::nullopt;
  if (event.what == EventKind::string) return add(event.text);
  if (event.what == EventKind::object) {
    has_name_ = false;
    return std::nullopt;
  }
  if (event.what != EventKind::end)
    return std::string("'tools' entries must be names, or objects with a name, not ") +
           name_of(event.what);
  if (has_name_) return std::nullopt;
  return "an entry of 'tools' has no 'name'";
}

std::optional<std::string> Patterns::take(const JsonEvent& event) {
  constexpr std::size_t kMostPatterns = 100;
  if (event.level == 0) return std::nullopt;
  if (event.what != EventKind::string || event.level > 1)
    return std::string("'return_files' entries must be strings, not ") + name_of(event.what);
  std::string pattern = plain_path(event.text);
  if (const auto problem = problem_with_name(pattern))
    return "'return_files' entry " + in_quotes(event.text) + " " + *problem;
  if (patterns_.size() == kMostPatterns)
    return "'return_files' has more than " + std::to_string(kMostPatterns) + " entries";
  patterns_.push_back(std::move(pattern));
  return std::nullopt;
}

}  // namespace pyexec
