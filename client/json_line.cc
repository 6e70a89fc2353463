#include "client/json_line.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>

namespace pyexec::client {
namespace {

constexpr std::size_t kIdBytes = 256;  // that of the service

struct Value {
  enum class What { text, number, yes, other } what;
  std::string text;            // of a text; of a number as it was written
  std::size_t begin = 0, end;  // of a number: where it stands
};
using Members = std::map<std::string, Value, std::less<>>;
using Names = std::initializer_list<std::string_view>;

// RapidJSON refuses integers beyond the range of a double, even where it only passes digits on; the
// results of jobs may have such. A long one is hidden from it: "0" and spaces in its place.
std::string without_long_integers(std::string_view line) {
  constexpr std::size_t kLong = 300;
  constexpr std::string_view kDigits = "0123456789", kNumber = "0123456789.eE+-";
  std::string text(line);
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      in_string = !in_string;
    if (in_string || i >= text.size() || kNumber.find(text[i]) == std::string_view::npos) continue;
    const std::size_t end = std::min(text.find_first_not_of(kNumber, i), text.size());
    const std::size_t first = text[i] == '-' ? i + 1 : i;
    const bool is_whole = text.find_first_not_of(kDigits, first) >= end;
    if (is_whole && end - first > kLong && text[first] != '0')
      text.replace(first, end - first, end - first, ' ')[first] = '0';
    i = end - 1;
  }
  return text;
}

// Keeps those members of the outermost object that are named.
class Collector {
 public:
  // `line`: what `stream` is of, with all its digits.
  Collector(std::string_view line, const rapidjson::MemoryStream& stream, Names names)
      : line_(line), stream_(stream) {
    for (const std::string_view name : names) members_[std::string(name)].what = kAbsent;
  }

  bool Null() { return other(); }
  bool Bool(bool is_true) { return take({is_true ? Value::What::yes : Value::What::other, "", 0}); }
  bool Int(int) { return false; }  // never: numbers come as they were written
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char*, rapidjson::SizeType size, bool) {
    if (!wanted()) return depth_ > 0;
    const std::size_t begin = stream_.Tell() - size;
    const std::size_t end =
        std::min(line_.find_first_not_of("+-.0123456789eE", begin), line_.size());
    return take({Value::What::number, std::string(line_.substr(begin, end - begin)), begin, end});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return take({Value::What::text, wanted() ? std::string(text, size) : "", 0});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 1) slot_ = members_.find(std::string_view(text, size));
    return true;
  }
  bool StartObject() { return depth_ == 0 ? (++depth_, true) : other() && ++depth_ > 0; }
  bool StartArray() { return depth_ > 0 && other() && ++depth_ > 0; }
  bool EndObject(rapidjson::SizeType) { return --depth_, true; }
  bool EndArray(rapidjson::SizeType) { return --depth_, true; }

  Members release() {
    std::erase_if(members_, [](const auto& entry) { return entry.second.what == kAbsent; });
    return std::move(members_);
  }

 private:
  static constexpr auto kAbsent = static_cast<Value::What>(-1);

  bool wanted() const { return depth_ == 1 && slot_ != members_.end(); }
  bool other() { return take({Value::What::other, "", 0}); }
  bool take(Value value) {
    if (wanted()) slot_->second = std::move(value);
    return depth_ > 0;  // a line that is no object is of no use
  }

  std::string_view line_;
  const rapidjson::MemoryStream& stream_;
  Members members_;
  Members::iterator slot_ = members_.end();
  int depth_ = 0;
};

std::optional<Members> read_members(std::string_view line, Names names) {
  // Nesting takes no stack of the process; numbers may have any number of digits.
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  // The reader takes a NUL for the end.
  if (line.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string text = without_long_integers(line);
  rapidjson::MemoryStream stream(text.data(), text.size());
  Collector collector(line, stream, names);
  rapidjson::Reader reader;
  if (reader.Parse<kFlags>(stream, collector).IsError()) return std::nullopt;
  return collector.release();
}

const Value* find(const Members& members, std::string_view name, Value::What what) {
  const auto found = members.find(name);
  return found != members.end() && found->second.what == what ? &found->second : nullptr;
}

}  // namespace

bool is_defaults_line(std::string_view line) {
  const auto members = read_members(line, {"defaults"});
  return members && find(*members, "defaults", Value::What::yes) != nullptr;
}

std::optional<std::string> id_of_line(std::string_view line) {
  const auto members = read_members(line, {"id"});
  if (!members) return std::nullopt;
  const Value* text = find(*members, "id", Value::What::text);
  const Value* number = find(*members, "id", Value::What::number);
  if (number != nullptr && number->text.find_first_of(".eE") != std::string::npos)
    return std::nullopt;
  const Value* id = text != nullptr ? text : number;
  if (id == nullptr || id->text.size() > kIdBytes) return std::nullopt;
  return (text != nullptr ? "\"" : "") + id->text;
}

std::string error_of(std::string_view json) {
  constexpr std::size_t kShown = 200;
  if (const auto members = read_members(json, {"error"}))
    if (const Value* error = find(*members, "error", Value::What::text)) return error->text;
  return std::string(json.substr(0, std::min(json.find_first_of("\r\n"), kShown)));
}

std::optional<AnswerLine> read_answer_line(std::string_view line) {
  const auto members = read_members(line, {"index", "outcome", "progress"});
  if (!members) return std::nullopt;
  const Value* index = find(*members, "index", Value::What::number);
  const Value* outcome = find(*members, "outcome", Value::What::text);
  if (index == nullptr && members->contains("progress"))
    return AnswerLine{AnswerLine::What::progress};
  if (index == nullptr || outcome == nullptr) return std::nullopt;
  AnswerLine answer = {AnswerLine::What::answer, 0, outcome->text, index->begin, index->end};
  const char* const end = index->text.data() + index->text.size();
  const auto [stop, error] = std::from_chars(index->text.data(), end, answer.index);
  if (error != std::errc() || stop != end) return std::nullopt;
  return answer;
}

std::string with_index(std::string_view line, const AnswerLine& answer, std::uint64_t index) {
  std::string out(line.substr(0, answer.index_begin));
  out += std::to_string(index);
  out += line.substr(answer.index_end);
  return out;
}

}  // namespace pyexec::client
