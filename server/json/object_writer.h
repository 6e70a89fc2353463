// Writes JSON objects member by member, with the separators of Python's json.dumps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyexec {

class ObjectWriter {
 public:
  void text(std::string_view name, std::string_view value);  // any bytes; made valid UTF-8
  void number(std::string_view name, std::uint64_t value);
  void number(std::string_view name, const std::optional<std::uint64_t>& value);  // or null
  void milliseconds(std::string_view name, std::uint64_t ns);
  void json(std::string_view name, std::string_view value);  // valid JSON
  void yes(std::string_view name) { json(name, "true"); }
  void boolean(std::string_view name, bool value) { json(name, value ? "true" : "false"); }

  // Returns {"a": 1, ...}.
  std::string object() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void begin(std::string_view name);
  std::string out_ = "{";
};

}  // namespace pyexec
