#include "server/job_request.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <optional>
#include <stdexcept>

#include "server/utf8.h"

namespace pyexec {
namespace {

using rapidjson::SizeType;

// Collects the members of the outermost object; what lies deeper is only checked for form.
class JobHandler {
 public:
  bool Null() { return value("null"); }
  bool Bool(bool) { return value("a boolean"); }
  bool Int(int) { return value("a number"); }
  bool Uint(unsigned) { return value("a number"); }
  bool Int64(std::int64_t) { return value("a number"); }
  bool Uint64(std::uint64_t) { return value("a number"); }
  bool Double(double) { return value("a number"); }
  bool RawNumber(const char*, SizeType, bool) { return value("a number"); }
  bool String(const char* text, SizeType size, bool) {
    if (holds_surrogate({text, size})) return false;
    if (depth_ == 1 && key_ == "script") {
      script_.emplace(text, size);
      return true;
    }
    return value("a string");
  }
  bool Key(const char* text, SizeType size, bool) {
    if (holds_surrogate({text, size})) return false;
    if (depth_ != 1) return true;
    key_.assign(text, size);
    if (key_ == "script") {
      if (seen_script_) problem_ = problem_.value_or("'script' field is given twice");
      seen_script_ = true;
    } else if (!unknown_field_) {
      unknown_field_ = key_;
    }
    return true;
  }
  bool StartObject() {
    if (!value("an object")) return false;
    ++depth_;
    return true;
  }
  bool StartArray() {
    if (!value("an array")) return false;
    ++depth_;
    return true;
  }
  bool EndObject(SizeType) { return close(); }
  bool EndArray(SizeType) { return close(); }

  boost::system::result<Job, BadRequest> finish(const JobCaps& caps) {
    if (not_an_object_) return BadRequest{400, "request body must be a JSON object"};
    if (!seen_script_) return BadRequest{400, "'script' field is required"};
    if (problem_) return BadRequest{400, *problem_};
    if (unknown_field_) return BadRequest{400, "unknown field '" + *unknown_field_ + "'"};
    if (script_->size() > caps.script_bytes)
      return BadRequest{413, "script is " + std::to_string(script_->size()) +
                                 " bytes, more than the limit of " +
                                 std::to_string(caps.script_bytes)};
    return Job{std::move(*script_)};
  }

 private:
  bool close() {
    --depth_;
    return true;
  }
  bool value(const char* what) {
    if (depth_ == 0 && std::string_view(what) != "an object") not_an_object_ = true;
    if (depth_ == 1 && key_ == "script" && !problem_)
      problem_ = std::string("'script' field must be a string, not ") + what;
    return true;
  }

  int depth_ = 0;
  bool not_an_object_ = false;
  bool seen_script_ = false;
  std::string key_;
  std::optional<std::string> script_, unknown_field_, problem_;
};

}  // namespace

void throw_exception_from_error(const BadRequest& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

std::uint64_t largest_body_bytes(const JobCaps& caps) {
  constexpr std::uint64_t kRest = 4096;
  return 6 * caps.script_bytes + kRest;
}

boost::system::result<Job, BadRequest> parse_job(std::string_view body, const JobCaps& caps) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  // The reader takes a NUL for the end of the text, and would not look at what follows.
  if (const auto nul = body.find('\0'); nul != std::string_view::npos)
    return BadRequest{400, "invalid JSON at byte " + std::to_string(nul) + ": a NUL byte"};
  JobHandler handler;
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  const auto parsed = reader.Parse<kFlags>(stream, handler);
  if (parsed.IsError()) {
    const bool by_handler = parsed.Code() == rapidjson::kParseErrorTermination;
    return BadRequest{400, "invalid JSON at byte " + std::to_string(parsed.Offset()) + ": " +
                               (by_handler ? "The surrogate pair in string is invalid."
                                           : rapidjson::GetParseError_En(parsed.Code()))};
  }
  return handler.finish(caps);
}

}  // namespace pyexec
