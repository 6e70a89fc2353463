#include "server/job_request.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>

#include "server/input_rules.h"
#include "server/json_fields.h"

namespace pyexec {
namespace {

constexpr std::size_t kMostFiles = 1000, kMostVariables = 100;

// Takes the members of the outermost object, each by its own function.
class JobHandler {
 public:
  explicit JobHandler(const JobCaps& caps)
      : caps_(caps), writer_(args_), request_{{}, caps.timeout_ms, caps.output_bytes} {}

  void begin_field(std::string_view name) {
    const auto known = std::find_if(fields().begin(), fields().end(),
                                    [&](const Field& field) { return field.name == name; });
    field_ = known == fields().end() ? nullptr : &*known;
    name_.clear();
    if (field_ == nullptr && !unknown_field_) unknown_field_ = name;
    if (field_ != nullptr && !seen_.insert(field_->name).second)
      report(quoted(name) + " field is given twice");
  }
  void take(const Event& event) {
    if (field_ != nullptr && !problem_) (this->*field_->take)(event);
  }

  boost::system::result<JobRequest, BadRequest> finish() {
    if (!seen_.contains("script")) return BadRequest{400, "'script' field is required"};
    check_files();
    if (problem_) return BadRequest{400, *problem_};
    if (unknown_field_) return BadRequest{400, "unknown field " + quoted(*unknown_field_)};
    Job& job = request_.job;
    if (args_.GetSize() > 0) job.args.assign(args_.GetString(), args_.GetSize());
    if (job.script.size() > caps_.script_bytes)
      return BadRequest{413, "script is " + std::to_string(job.script.size()) +
                                 " bytes, more than the limit of " +
                                 std::to_string(caps_.script_bytes)};
    const std::uint64_t input = input_bytes(job);
    if (input > caps_.input_bytes)
      return BadRequest{413, "args, stdin, files and env are " + std::to_string(input) +
                                 " bytes together, more than the limit of " +
                                 std::to_string(caps_.input_bytes)};
    return std::move(request_);
  }

 private:
  struct Field {
    std::string_view name;
    void (JobHandler::*take)(const Event& event);
  };
  static std::span<const Field> fields();

  static std::uint64_t input_bytes(const Job& job) {
    std::uint64_t bytes = job.args.size() + job.stdin_text.size();
    for (const auto* list : {&job.files, &job.environment})
      for (const NamedBytes& entry : *list) bytes += entry.name.size() + entry.bytes.size();
    return bytes;
  }

  void report(std::string problem) {
    if (!problem_) problem_ = std::move(problem);
  }
  void report_type(const Event& event, const char* wanted) {
    report(quoted(field_->name) + " field must be " + wanted + ", not " + name_of(event.what));
  }

  void take_script(const Event& event) { take_text(event, request_.job.script); }
  void take_stdin(const Event& event) { take_text(event, request_.job.stdin_text); }
  void take_text(const Event& event, std::string& out) {
    if (event.level > 0 || event.what == Event::What::end) return;
    if (event.what == Event::What::string)
      out = event.text;
    else
      report_type(event, "a string");
  }

  void take_timeout(const Event& event) {
    take_number(event, caps_.timeout_ms, request_.timeout_ms);
  }
  void take_output(const Event& event) {
    take_number(event, caps_.output_bytes, request_.output_bytes);
  }
  void take_memory(const Event& event) {
    std::uint64_t mebibytes = 0;
    take_number(event, caps_.memory_mb, mebibytes);
    request_.job.memory_bytes = mebibytes << 20;
  }
  void take_number(const Event& event, std::uint64_t most, std::uint64_t& out) {
    if (event.level > 0 || event.what == Event::What::end) return;
    if (event.what != Event::What::number) return report_type(event, "a number");
    std::uint64_t value = 0;
    const char* const end = event.text.data() + event.text.size();
    const auto [stop, error] = std::from_chars(event.text.data(), end, value);
    const bool too_large = error == std::errc::result_out_of_range;
    if (!too_large && (error != std::errc() || stop != end || value == 0))
      return report(quoted(field_->name) + " field must be a whole number from 1 to " +
                    std::to_string(most) + ", not " + std::string(event.text));
    if (too_large || value > most)
      return report(quoted(field_->name) + " is " + std::string(event.text) +
                    ", more than the limit of " + std::to_string(most));
    out = value;
  }

  void take_args(const Event& event) {
    using What = Event::What;
    const bool opens = event.what == What::object || event.what == What::array;
    if (event.level == 0 && !opens && event.what != What::end)
      return report_type(event, "an array or an object");
    if (opens && static_cast<std::uint64_t>(event.level) >= caps_.args_depth)
      return report("'args' is nested deeper than the limit of " +
                    std::to_string(caps_.args_depth) + " levels");
    const auto size = static_cast<rapidjson::SizeType>(event.text.size());
    switch (event.what) {
      case What::null:
        writer_.Null();
        break;
      case What::boolean:
        writer_.Bool(event.text == "true");
        break;
      case What::number:
        writer_.RawValue(event.text.data(), event.text.size(), rapidjson::kNumberType);
        break;
      case What::string:
        writer_.String(event.text.data(), size);
        break;
      case What::key:
        writer_.Key(event.text.data(), size);
        break;
      case What::object:
        open_args_.push_back(event.what);
        writer_.StartObject();
        break;
      case What::array:
        open_args_.push_back(event.what);
        writer_.StartArray();
        break;
      case What::end:
        if (open_args_.empty()) break;  // of what was refused
        open_args_.back() == What::object ? writer_.EndObject() : writer_.EndArray();
        open_args_.pop_back();
        break;
    }
  }

  void take_files(const Event& event) {
    using What = Event::What;
    if (event.what == What::key) return void((event.level == 1 ? name_ : inner_) = event.text);
    if (event.level == 0) {
      if (event.what != What::object && event.what != What::end) report_type(event, "an object");
    } else if (event.level == 1) {
      if (event.what == What::string)
        add_file(std::string(event.text));
      else if (event.what == What::object)
        decoded_.reset();
      else if (event.what == What::end && decoded_)
        add_file(*std::move(decoded_));
      else
        report("'files' entry " + quoted(name_) + " must be a string or {\"base64\": \"...\"}");
    } else if (event.level == 2 && inner_ != "base64") {
      report("unknown field " + quoted(inner_) + " in 'files' entry " + quoted(name_));
    } else if (event.level == 2) {
      decoded_ = event.what == What::string ? decode_base64(event.text) : std::nullopt;
      if (!decoded_) report("'base64' of 'files' entry " + quoted(name_) + " is not base64");
    }
  }
  void add_file(std::string bytes) {
    if (const auto problem = problem_with_name(name_))
      return report("name of 'files' entry " + quoted(name_) + " " + *problem);
    if (request_.job.files.size() == kMostFiles)
      return report("'files' has more than " + std::to_string(kMostFiles) + " entries");
    request_.job.files.push_back({name_, std::move(bytes)});
  }
  void check_files() {
    std::set<std::string_view> names;
    for (const NamedBytes& file : request_.job.files)
      if (!names.insert(file.name).second)
        report("'files' entry " + quoted(file.name) + " is given twice");
    for (const std::string_view name : names)
      for (std::size_t at = name.find('/'); at != std::string_view::npos;
           at = name.find('/', at + 1))
        if (names.contains(name.substr(0, at)))
          report("'files' entry " + quoted(name.substr(0, at)) + " is a file and, for " +
                 quoted(name) + ", a directory");
  }

  void take_env(const Event& event) {
    using What = Event::What;
    if (event.what == What::key && event.level == 1) return void(name_ = event.text);
    if (event.what == What::key || event.what == What::end || event.level > 1) return;
    if (event.level == 0) {
      if (event.what != What::object) report_type(event, "an object");
      return;
    }
    auto& list = request_.job.environment;
    if (event.what != What::string)
      return report("'env' entry " + quoted(name_) + " must be a string, not " +
                    name_of(event.what));
    if (!is_allowed_name(name_, caps_.env_names) || name_.find('=') != std::string::npos)
      return report("'env' entry " + quoted(name_) +
                    " is not one of the allowed names: " + caps_.env_names);
    if (event.text.find('\0') != std::string_view::npos || name_.find('\0') != std::string::npos)
      return report("'env' entry " + quoted(name_) + " holds a NUL byte");
    if (list.size() == kMostVariables)
      return report("'env' has more than " + std::to_string(kMostVariables) + " entries");
    if (std::any_of(list.begin(), list.end(),
                    [&](const auto& entry) { return entry.name == name_; }))
      return report("'env' entry " + quoted(name_) + " is given twice");
    list.push_back({name_, std::string(event.text)});
  }

  const JobCaps& caps_;
  rapidjson::StringBuffer args_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
  std::vector<Event::What> open_args_;
  JobRequest request_;
  const Field* field_ = nullptr;  // nullptr: one that is not known
  std::set<std::string_view> seen_;
  std::string name_, inner_;  // of the entry, and of what is in it
  std::optional<std::string> decoded_, unknown_field_, problem_;
};

std::span<const JobHandler::Field> JobHandler::fields() {
  static constexpr Field kFields[] = {
      {"script", &JobHandler::take_script},    {"args", &JobHandler::take_args},
      {"stdin", &JobHandler::take_stdin},      {"files", &JobHandler::take_files},
      {"env", &JobHandler::take_env},          {"timeout_ms", &JobHandler::take_timeout},
      {"memory_mb", &JobHandler::take_memory}, {"output_bytes", &JobHandler::take_output},
  };
  return kFields;
}

}  // namespace

void throw_exception_from_error(const BadRequest& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

std::uint64_t largest_body_bytes(const JobCaps& caps) {
  constexpr std::uint64_t kRest = 4096;
  return 6 * caps.script_bytes + 2 * caps.input_bytes + kRest;
}

boost::system::result<JobRequest, BadRequest> parse_job(std::string_view body,
                                                        const JobCaps& caps) {
  JobHandler handler(caps);
  if (const auto problem = read_fields(body, handler)) return BadRequest{400, *problem};
  return handler.finish();
}

}  // namespace pyexec
