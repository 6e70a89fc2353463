#include "server/job/displays.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "server/base/base64.h"
#include "server/base/utf8.h"

namespace pyexec {
namespace {

struct DisplayType {
  std::string_view media_type;
  bool is_text;
};
constexpr DisplayType kTypes[] = {
    {"text/plain", true},  {"text/html", true},     {"text/markdown", true},
    {"text/latex", true},  {"image/svg+xml", true}, {"image/png", false},
    {"image/jpeg", false}, {"image/gif", false},    {"image/webp", false}};

const DisplayType* type_of(std::string_view media_type) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& type) { return type.media_type == media_type; });
  return found != std::end(kTypes) ? found : nullptr;
}

struct EntryName {
  std::uint64_t number;  // of the display
  std::string_view media_type;
};

std::optional<EntryName> parse_name(std::string_view name) {
  EntryName parsed = {};
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, parsed.number);
  if (error != std::errc() || rest == end || *rest != ' ') return std::nullopt;
  parsed.media_type = name.substr(static_cast<std::size_t>(rest - name.data()) + 1);
  if (type_of(parsed.media_type) == nullptr) return std::nullopt;
  return parsed;
}

}  // namespace

bool is_text_display(std::string_view media_type) {
  const DisplayType* type = type_of(media_type);
  return type != nullptr && type->is_text;
}

void take_displays(const std::vector<NamedBytes>& entries, const ReportOptions& options,
                   Outcome& outcome) {
  std::optional<std::uint64_t> last;
  std::uint64_t bytes = 0;
  for (const NamedBytes& entry : entries) {
    const auto name = parse_name(entry.name);
    const bool is_next = name && last != name->number;
    bytes += entry.bytes.size();
    if (!name || bytes > options.displays_bytes ||
        (is_next && outcome.displays.size() == options.displays_count)) {
      outcome.displays_truncated = true;
      continue;
    }
    if (is_next) outcome.displays.emplace_back();
    last = name->number;
    Display& display = outcome.displays.back();
    const auto has_type = [&](const NamedBytes& form) { return form.name == name->media_type; };
    if (std::any_of(display.begin(), display.end(), has_type)) continue;
    display.push_back({std::string(name->media_type), is_text_display(name->media_type)
                                                          ? to_valid_utf8(entry.bytes)
                                                          : entry.bytes});
  }
}

void add_displays(ObjectWriter& members, const Outcome& outcome) {
  std::string list = "[";
  for (const Display& display : outcome.displays) {
    ObjectWriter bundle;
    for (const auto& [media_type, data] : display)
      bundle.text(media_type, is_text_display(media_type) ? data : encode_base64(data));
    list += (list.size() > 1 ? ", " : "") + bundle.object();
  }
  members.json("displays", list + "]");
  if (outcome.displays_truncated) members.yes("displays_truncated");
}

}  // namespace pyexec
