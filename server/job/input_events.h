// The fields `args`, `files`, `env`, `return_files` and `tools` of a request, event by event. Pure.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/json/json_fields.h"
#include "worker/protocol/job.h"

namespace pyexec {

// The JSON type of a field that has parts.
struct Whole {
  JsonEvent::What what;
  const char* shown;
};
inline constexpr Whole kObject = {JsonEvent::What::object, "an object"};

// Each `take` returns an error message, or nullopt. After an error ignore the rest of the field.
// A value as JSON. name: of its field, in errors; outlives this. level: of the value itself.
class JsonCopy {
 public:
  JsonCopy(std::string_view name, std::uint64_t most_levels, int level = 0)
      : name_(name), most_levels_(most_levels), level_(level), writer_(out_) {}

  std::optional<std::string> take(const JsonEvent& event);
  std::string json() const { return {out_.GetString(), out_.GetSize()}; }

 private:
  std::string_view name_;
  std::uint64_t most_levels_;
  int level_;
  rapidjson::StringBuffer out_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
  std::vector<JsonEvent::What> open_;
  bool is_refused_ = false;
};

// The `id` of a line of a batch.
class LineId {
 public:
  std::optional<std::string> take(const JsonEvent& event);
  const std::string& json() const { return json_; }  // as it was sent

 private:
  std::string json_ = "null";
};

class InputFiles {
 public:
  std::optional<std::string> take(const JsonEvent& event);
  // Returns an error message about all files together, or nullopt.
  std::optional<std::string> check() const;
  std::vector<NamedBytes> release() { return std::move(files_); }

 private:
  std::optional<std::string> add(std::string bytes);

  std::vector<NamedBytes> files_;
  std::vector<std::string> given_;  // names as they were sent
  std::string name_, inner_;        // of the entry, and of the member in it
  std::optional<std::string> decoded_;
};

class Variables {
 public:
  // allowed: see is_allowed_name. Outlives this.
  explicit Variables(std::string_view allowed) : allowed_(allowed) {}

  std::optional<std::string> take(const JsonEvent& event);
  std::vector<NamedBytes> release() { return std::move(variables_); }

 private:
  std::string_view allowed_;
  std::vector<NamedBytes> variables_;
  std::string name_;  // of the entry
};

// Functions of the caller's that a script may call.
class ToolList {
 public:
  explicit ToolList(std::uint64_t most_levels) : copy_("tools", most_levels) {}

  std::optional<std::string> take(const JsonEvent& event);
  std::string json() const { return copy_.json(); }
  std::vector<std::string> release_names() { return std::move(names_); }

 private:
  std::optional<std::string> add(std::string_view name);
  std::optional<std::string> take_member(const JsonEvent& event);

  JsonCopy copy_;
  std::vector<std::string> names_;
  std::string member_;  // of the tool
  bool has_name_ = false;
};

class Patterns {
 public:
  std::optional<std::string> take(const JsonEvent& event);
  std::vector<std::string> release() { return std::move(patterns_); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace pyexec
