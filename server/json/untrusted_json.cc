#include "server/json/untrusted_json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

#include <stdexcept>
#include <vector>

#include "server/base/utf8.h"
#include "server/json/json_text.h"

namespace pyexec {
namespace {

using rapidjson::SizeType;

// RapidJSON's output stream concept over a string.
struct StringSink {
  using Ch = char;
  std::string& out;
  void Put(char c) { out.push_back(c); }
  void Flush() {}
};

// Writes what the reader reports, with Python's separators.
class Rewriter : public rapidjson::Writer<StringSink> {
  using Base = rapidjson::Writer<StringSink>;

 public:
  Rewriter(StringSink& sink, std::string_view original, const char* copy, std::uint64_t max_depth)
      : Base(sink), original_(original), copy_(copy), max_depth_(max_depth) {}

  bool Null() { return separate() && WriteNull(); }
  bool Bool(bool value) { return separate() && WriteBool(value); }
  bool String(const char* text, SizeType size, bool = false) {
    if (holds_surrogate({text, size})) {
      lone_surrogate_ = true;
      return false;
    }
    return separate() && WriteString(text, size);
  }
  bool Key(const char* text, SizeType size, bool = false) { return String(text, size); }
  bool StartObject() { return separate() && open('{'); }
  bool StartArray() { return separate() && open('['); }
  bool EndObject(SizeType) { return close('}'); }
  bool EndArray(SizeType) { return close(']'); }
  // In-situ parsing passes the number's place; its digits are taken from the original.
  bool RawNumber(const char* place, SizeType, bool = false) {
    if (!separate()) return false;
    const auto begin = static_cast<std::size_t>(place - copy_);
    os_->out.append(number_at(original_, begin));
    return true;
  }
  // Not called: every number comes as RawNumber.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  bool too_deep() const { return too_deep_; }
  bool lone_surrogate() const { return lone_surrogate_; }

 private:
  struct Level {
    bool is_object;
    std::size_t values = 0;
  };

  bool separate() {
    if (levels_.empty()) return true;
    Level& level = levels_.back();
    if (level.values > 0) os_->out.append(level.is_object && level.values % 2 == 1 ? ": " : ", ");
    ++level.values;
    return true;
  }
  bool open(char bracket) {
    if (levels_.size() >= max_depth_) {
      too_deep_ = true;
      return false;
    }
    levels_.push_back({bracket == '{'});
    os_->Put(bracket);
    return true;
  }
  bool close(char bracket) {
    levels_.pop_back();
    os_->Put(bracket);
    return true;
  }

  std::string_view original_;
  const char* copy_;
  std::uint64_t max_depth_;
  std::vector<Level> levels_;
  bool too_deep_ = false, lone_surrogate_ = false;
};

constexpr std::size_t kLongestCharacterBytes = 4;

}  // namespace

void throw_exception_from_error(const JsonProblem& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

boost::system::result<std::string, JsonProblem> reserialise(std::string_view text,
                                                            std::uint64_t max_depth,
                                                            std::string_view what) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  // In-situ parsing ends at NUL; one inside the text would hide the rest.
  if (text.find('\0') != std::string_view::npos)
    return JsonProblem{std::string(what) + " holds a NUL byte"};
  std::string copy(text);
  if (may_hold_long_integers(text)) hide_long_integers(copy);
  // RapidJSON's encoding check reads a whole character from its first byte on, past the end of a
  // text that stops inside one.
  copy.append(kLongestCharacterBytes, '\0');

  std::string out;
  out.reserve(text.size() + text.size() / 16);
  StringSink sink{out};
  Rewriter rewriter(sink, text, copy.data(), max_depth);
  rapidjson::InsituStringStream stream(copy.data());
  rapidjson::Reader reader;
  const auto parsed = reader.Parse<kFlags>(stream, rewriter);
  if (rewriter.too_deep())
    return JsonProblem{std::string(what) + " is nested more than " + std::to_string(max_depth) +
                       " levels deep"};
  if (rewriter.lone_surrogate())
    return JsonProblem{std::string(what) + " holds a lone surrogate, which has no UTF-8 form"};
  if (parsed.IsError())
    return JsonProblem{std::string(what) +
                       " is not valid JSON: " + rapidjson::GetParseError_En(parsed.Code())};
  return {boost::system::in_place_value, std::move(out)};
}

void append_json_string(std::string& out, std::string_view text) {
  StringSink sink{out};
  rapidjson::Writer<StringSink>(sink).String(text.data(), static_cast<SizeType>(text.size()));
}

}  // namespace pyexec
