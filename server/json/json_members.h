// The members of an object as JSON texts, each for who understands it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pyexec {

// Views into the text, which must outlive it.
class JsonMembers {
 public:
  // Each is some 50 bytes here, of 4 in the text.
  static constexpr std::size_t kMost = 1000;
  // Returns nullopt if this is no object, or has more members. text: JSON that `reserialise` has
  // written.
  static std::optional<JsonMembers> of(std::string_view text);
  // No members.
  JsonMembers() = default;

  // The value as JSON, "" if there is no such member. The last one of that name counts.
  std::string_view operator[](std::string_view name) const;
  bool has(std::string_view name) const { return !(*this)[name].empty(); }
  // The value if it is a string.
  std::optional<std::string> text(std::string_view name) const;
  // The value if `of` takes it; else nothing has a value.
  JsonMembers object(std::string_view name) const;

  const std::vector<std::pair<std::string, std::string_view>>& all() const { return members_; }

 private:
  std::vector<std::pair<std::string, std::string_view>> members_;
};

// Returns the items of a list; none if `json` is something else. json: as above.
std::vector<std::string_view> items_of_json(std::string_view json);
// Returns what a JSON string says, or nullopt if `json` is something else.
std::optional<std::string> text_of_json(std::string_view json);

}  // namespace pyexec
