// Parses one JSON object into events, field by field. Pure.
#pragma once

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <optional>
#include <string>
#include <string_view>

#include "server/base/utf8.h"
#include "server/json/json_text.h"

namespace pyexec {

// One element of a field. `level` is 0 for the field's own value.
struct JsonEvent {
  enum class What { null, boolean, number, string, object, array, key, end };
  What what;
  std::string_view text;  // of a string or key; a number or boolean as it was written
  int level;
};

inline const char* name_of(JsonEvent::What what) {
  constexpr const char* kNames[] = {"null",      "a boolean", "a number", "a string",
                                    "an object", "an array",  "a name",   "an end"};
  return kNames[static_cast<std::size_t>(what)];
}

// Converts RapidJSON's events to JsonEvents. `Sink` has begin_field(name) and take(event).
template <typename Sink>
class FieldEvents {
 public:
  FieldEvents(Sink& sink, std::string_view original, const rapidjson::MemoryStream& stream)
      : sink_(sink), original_(original), stream_(stream) {}
  bool is_object() const { return is_object_; }

  bool Null() { return value(JsonEvent::What::null, "null"); }
  bool Bool(bool is_true) { return value(JsonEvent::What::boolean, is_true ? "true" : "false"); }
  bool Int(int) { return false; }  // never: numbers come as they were written
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  // The parsed text may have another number in this place (json_text.h).
  bool RawNumber(const char*, rapidjson::SizeType size, bool) {
    return value(JsonEvent::What::number, number_at(original_, stream_.Tell() - size));
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return !holds_surrogate({text, size}) && value(JsonEvent::What::string, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (holds_surrogate({text, size})) return false;
    if (depth_ > 1) return value(JsonEvent::What::key, {text, size});
    sink_.begin_field({text, size});
    return true;
  }
  bool StartObject() { return open(JsonEvent::What::object); }
  bool StartArray() { return open(JsonEvent::What::array); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

 private:
  bool open(JsonEvent::What what) {
    value(what, "");
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return depth_ == 0 || value(JsonEvent::What::end, "");
  }
  bool value(JsonEvent::What what, std::string_view text) {
    if (depth_ == 0) is_object_ = what == JsonEvent::What::object;
    if (depth_ > 0 && is_object_) sink_.take({what, text, depth_ - 1});
    return true;
  }

  Sink& sink_;
  std::string_view original_;
  const rapidjson::MemoryStream& stream_;
  int depth_ = 0;
  bool is_object_ = false;
};

// Parses strict JSON in UTF-8, optionally after a byte order mark. Returns an error message about
// the text as a whole, or nullopt; the sink reports errors in fields.
template <typename Sink>
std::optional<std::string> read_fields(std::string_view body, Sink& sink) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  const std::string_view text = without_byte_order_mark(body);
  const auto invalid = [&](std::size_t at, std::string_view what) {
    return describe_json_error(body, body.size() - text.size() + at, what);
  };
  // The reader takes a NUL for the end of the text and would ignore the rest.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    const bool is_utf_16 = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
    return invalid(is_utf_16 ? 0 : nul, "a NUL byte");
  }
  std::string changed;
  if (may_hold_long_integers(text)) {
    changed = text;
    hide_long_integers(changed);
  }
  const std::string_view parsed_text = changed.empty() ? text : std::string_view(changed);
  rapidjson::MemoryStream stream(parsed_text.data(), parsed_text.size());
  FieldEvents<Sink> events(sink, text, stream);
  rapidjson::Reader reader;
  const auto parsed = reader.Parse<kFlags>(stream, events);
  if (parsed.Code() == rapidjson::kParseErrorTermination)  // raised by FieldEvents
    return invalid(parsed.Offset(), "The surrogate pair in string is invalid.");
  if (parsed.IsError()) return invalid(parsed.Offset(), rapidjson::GetParseError_En(parsed.Code()));
  if (!events.is_object()) return "request body must be a JSON object";
  return std::nullopt;
}

}  // namespace pyexec
