// Pieces of JSON that the OpenAPI document is made of. Pure.
#pragma once

#include <string>
#include <string_view>

#include "server/json/untrusted_json.h"

namespace pyexec {

class JsonList {
 public:
  void add(std::string_view json) {
    if (!items_.empty()) items_ += ", ";
    items_ += json;
  }
  void add_text(std::string_view text) {
    std::string json;
    append_json_string(json, text);
    add(json);
  }
  bool empty() const { return items_.empty(); }
  // [1, 2]
  std::string array() const {
    std::string out = "[";
    out += items_;
    out += ']';
    return out;
  }

 private:
  std::string items_;
};

inline std::string in_braces(std::string_view text) {
  std::string out = "{";
  out += text;
  out += '}';
  return out;
}

// To a part of `components`: of what kind, and its name.
inline std::string reference(std::string_view kind, std::string_view name) {
  std::string out = R"({"$ref": "#/components/)";
  out += kind;
  out += '/';
  out += name;
  out += "\"}";
  return out;
}

}  // namespace pyexec
