#include "server/job/form_body.h"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <iterator>
#include <map>

#include "server/base/ascii.h"
#include "server/base/base64.h"
#include "server/base/utf8.h"
#include "server/job/input_rules.h"
#include "server/json/json_text.h"
#include "server/json/object_writer.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostParts = 1000;
constexpr std::size_t kMostHeadBytes = 8 << 10;  // of one part

constexpr std::string_view kTexts[] = {"script", "code",      "call",        "template",
                                       "stdin",  "dataframe", "tools_style", "nan"};

using FormProblem = std::optional<std::string>;

bool is_text_field(std::string_view name) {
  return std::find(std::begin(kTexts), std::end(kTexts), name) != std::end(kTexts);
}

// Returns the value of a parameter of a header field: a token, or a quoted string. Browsers and
// curl write a quote in it as %22 or as \", and nothing else is escaped.
std::optional<std::string> parameter(std::string_view field, std::string_view wanted) {
  for (std::size_t at = field.find(';'); at != std::string_view::npos;) {
    std::string_view rest = field.substr(at + 1);
    const std::size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string name = boost::trim_copy(std::string(rest.substr(0, equals)));
    rest.remove_prefix(equals + 1);
    std::string value;
    std::size_t end = 0;
    if (rest.starts_with('"')) {
      for (end = 1; end < rest.size() && rest[end] != '"'; ++end) {
        if (rest[end] == '\\' && end + 1 < rest.size() &&
            (rest[end + 1] == '"' || rest[end + 1] == '\\'))
          ++end;
        value.push_back(rest[end]);
      }
      if (end == rest.size()) return std::nullopt;
    } else {
      end = std::min(rest.find(';'), rest.size());
      value = boost::trim_copy(std::string(rest.substr(0, end)));
    }
    if (boost::iequals(name, wanted)) return value;
    const std::size_t next = rest.find(';', end);
    at = next == std::string_view::npos ? next : field.size() - rest.size() + next;
  }
  return std::nullopt;
}

struct Part {
  std::string name;
  std::optional<std::string> file_name;
  std::string_view data;
};

// Takes the lines of a part's head up to the empty one. Returns nullopt if they are none.
std::optional<Part> read_head(std::string_view& rest) {
  Part part;
  bool has_name = false;
  for (const std::string_view all = rest; all.size() - rest.size() <= kMostHeadBytes;) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) return has_name ? std::optional(part) : std::nullopt;
    if (!boost::istarts_with(line, "content-disposition:")) continue;
    const auto name = parameter(line, "name");
    has_name = name.has_value();
    part.name = name.value_or("");
    part.file_name = parameter(line, "filename");
  }
  return std::nullopt;
}

// The members of the JSON object, as they are put together.
class Members {
 public:
  explicit Members(std::uint64_t most_levels) : most_levels_(most_levels) {}

  FormProblem add(const Part& part) {
    if (!is_alphanumeric_or(part.name, "_")) return "there is no field " + in_quotes(part.name);
    if (is_text_field(part.name)) return add_text(part.name, part.data);
    if (part.name == "file" || part.name == "files") return add_file(part);
    if (part.file_name && part.name != "args" && part.name != "tools" && part.name != "env")
      return "the part " + in_quotes(part.name) +
             " is a file: name it \"file\" to have it in the working directory";
    if (part.name == "return_files" && !boost::trim_copy(std::string(part.data)).starts_with('['))
      return add_pattern(part.data);
    const auto json = reserialise(without_byte_order_mark(part.data), most_levels_, "it");
    if (!json)
      return "the part " + in_quotes(part.name) + " has to be JSON: " + json.error().message;
    members_.json(part.name, *json);
    return std::nullopt;
  }
  std::string object() {
    if (!files_.empty()) members_.json("files", "{" + files_ + "}");
    if (!patterns_.empty()) members_.json("return_files", "[" + patterns_ + "]");
    return members_.object();
  }

 private:
  FormProblem add_text(std::string_view name, std::string_view text) {
    if (to_valid_utf8(text) != text) return "the part " + in_quotes(name) + " is not UTF-8";
    members_.text(name, text);
    return std::nullopt;
  }
  FormProblem add_file(const Part& part) {
    if (!part.file_name || part.file_name->empty())
      return "the part " + in_quotes(part.name) + " has no file name: -F file=@NAME has one";
    ObjectWriter content;
    content.text("base64", encode_base64(part.data));
    if (!files_.empty()) files_ += ", ";
    append_json_string(files_, to_valid_utf8(*part.file_name));
    files_ += ": " + content.object();
    return std::nullopt;
  }
  FormProblem add_pattern(std::string_view pattern) {
    if (!patterns_.empty()) patterns_ += ", ";
    append_json_string(patterns_, to_valid_utf8(pattern));
    return std::nullopt;
  }

  std::uint64_t most_levels_;
  ObjectWriter members_;
  std::string files_, patterns_;  // what is between their brackets
};

BadRequest malformed(const std::string& why) {
  return {400, "the form is malformed: " + why};
}

boost::system::result<std::string, BadRequest> form_as_json(std::string_view body,
                                                            const std::string& boundary,
                                                            std::uint64_t most_levels) {
  if (boundary.empty() || boundary.size() > 70)  // RFC 2046, 5.1.1
    return malformed("its Content-Type has no boundary of 1 to 70 characters");
  const std::string line = "--" + boundary, separator = "\r\n" + line;
  std::string_view rest = body;
  if (!rest.starts_with(line)) {  // what stands before the first part is not for us
    const std::size_t first = rest.find(separator);
    if (first == std::string_view::npos) return malformed("it has no part");
    rest.remove_prefix(first + 2);
  }
  rest.remove_prefix(line.size());
  Members members(most_levels);
  for (std::size_t count = 0; !rest.starts_with("--"); ++count) {
    if (count == kMostParts) return malformed("it has more than 1000 parts");
    if (!rest.starts_with("\r\n")) return malformed("a boundary is not alone on its line");
    rest.remove_prefix(2);
    auto part = read_head(rest);
    if (!part) return malformed("a part has no Content-Disposition with a name");
    const std::size_t end = rest.find(separator);
    if (end == std::string_view::npos) return malformed("its last boundary is missing");
    part->data = rest.substr(0, end);
    rest.remove_prefix(end + separator.size());
    if (auto problem = members.add(*part)) return BadRequest{400, *std::move(problem)};
  }
  return members.object();
}

}  // namespace

std::optional<BodyType> body_type(std::string_view content_type) {
  const std::string type =
      boost::trim_copy(std::string(content_type.substr(0, content_type.find(';'))));
  if (boost::iequals(type, "application/json")) return BodyType{};
  if (boost::iequals(type, "text/x-python")) return BodyType{BodyKind::python};
  if (boost::iequals(type, "multipart/form-data"))
    return BodyType{BodyKind::form, parameter(content_type, "boundary").value_or("")};
  return std::nullopt;
}

boost::system::result<std::string, BadRequest> as_json(std::string_view body, const BodyType& type,
                                                       std::string_view source,
                                                       std::uint64_t most_levels) {
  if (type.kind == BodyKind::form) return form_as_json(body, type.boundary, most_levels);
  if (type.kind == BodyKind::json) return std::string(body);
  ObjectWriter members;
  if (to_valid_utf8(body) != body) return BadRequest{400, "the script is not UTF-8"};
  members.text(source, body);
  return members.object();
}

}  // namespace pyexec
