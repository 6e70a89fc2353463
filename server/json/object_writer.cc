#include "server/json/object_writer.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "server/base/utf8.h"
#include "server/json/untrusted_json.h"

namespace pyexec {

void ObjectWriter::begin(std::string_view name) {
  if (out_.size() > 1) out_ += ", ";
  out_ += '"';
  out_ += name;
  out_ += "\": ";
}

void ObjectWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  append_json_string(out_, to_valid_utf8(value));
}

void ObjectWriter::number(std::string_view name, std::uint64_t value) {
  begin(name);
  out_ += std::to_string(value);
}

void ObjectWriter::number(std::string_view name, const std::optional<std::uint64_t>& value) {
  if (value)
    number(name, *value);
  else
    json(name, "null");
}

void ObjectWriter::milliseconds(std::string_view name, std::uint64_t ns) {
  std::array<char, 40> digits;
  std::snprintf(digits.data(), digits.size(), "%" PRIu64 ".%03" PRIu64, ns / 1'000'000,
                ns / 1'000 % 1'000);
  json(name, digits.data());
}

void ObjectWriter::json(std::string_view name, std::string_view value) {
  begin(name);
  out_ += value;
}

}  // namespace pyexec
