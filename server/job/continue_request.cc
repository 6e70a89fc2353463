#include "server/job/continue_request.h"

#include <algorithm>
#include <optional>

#include "server/base/whole_number.h"
#include "server/job/input_events.h"
#include "server/job/input_rules.h"
#include "server/json/json_fields.h"

namespace pyexec {
namespace {

using What = JsonEvent::What;

class ContinueHandler {
 public:
  explicit ContinueHandler(const JobCaps& caps) : caps_(caps) {}

  void begin_field(std::string_view name) {
    field_ = name;
    const bool is_known = name == "continue" || name == "results";
    if (!is_known) return report("unknown field " + in_quotes(name));
    bool& is_seen = name == "continue" ? has_token_ : has_results_;
    if (std::exchange(is_seen, true)) report(in_quotes(name) + " field is given twice");
  }

  void take(const JsonEvent& event) {
    if (problem_) return;
    if (field_ == "continue")
      take_token(event);
    else
      take_result(event);
  }

  boost::system::result<ContinueRequest, BadRequest> finish() {
    if (!has_token_) report("'continue' field is required: the token that came with the calls");
    if (!has_results_) report("'results' field is required: [{\"id\": ..., \"result\": ...}]");
    if (request_.answers.empty()) report("'results' is empty");
    if (problem_) return BadRequest{400, *problem_};
    std::uint64_t bytes = 0;
    for (const ToolAnswer& answer : request_.answers) bytes += answer.text.size();
    if (bytes > caps_.call_bytes)
      return BadRequest{413, "results are " + std::to_string(bytes) +
                                 " bytes together, more than the limit of " +
                                 std::to_string(caps_.call_bytes)};
    return std::move(request_);
  }

 private:
  void report(std::string problem) {
    if (!problem_) problem_ = std::move(problem);
  }

  void take_token(const JsonEvent& event) {
    if (event.level > 0 || event.what == What::end) return;
    if (event.what != What::string)
      return report(std::string("'continue' field must be a string, not ") + name_of(event.what));
    request_.token = event.text;
  }

  void take_result(const JsonEvent& event) {
    if (event.level == 0) {
      if (event.what != What::array && event.what != What::end)
        report(std::string("'results' field must be an array, not ") + name_of(event.what));
    } else if (event.level == 1) {
      if (event.what == What::object) return begin_result();
      if (event.what == What::end) return end_result();
      report(std::string("'results' entries must be objects, not ") + name_of(event.what));
    } else if (event.level == 2 && event.what == What::key) {
      member_ = event.text;
      if (member_ != "id" && member_ != "result" && member_ != "error")
        return report("unknown field " + in_quotes(member_) + " in an entry of 'results'");
      if (member_ == "result") value_.emplace("results", caps_.result_depth, 2);
    } else if (member_ == "result") {
      if (auto problem = value_->take(event)) report(*std::move(problem));
    } else if (event.level == 2 && member_ == "id") {
      take_id(event);
    } else if (event.level == 2) {
      if (event.what != What::string)
        return report(std::string("'error' of an entry of 'results' must be a string, not ") +
                      name_of(event.what));
      error_ = event.text;
    }
  }

  void begin_result() {
    member_.clear();
    number_.reset();
    value_.reset();
    error_.reset();
  }
  void take_id(const JsonEvent& event) {
    const WholeNumber id = event.what == What::number ? parse_whole(event.text)
                                                      : WholeNumber{WholeNumber::Is::fraction};
    if (id.is != WholeNumber::Is::value)
      return report("'id' of an entry of 'results' must be that of a call");
    number_ = id.value;
  }
  void end_result() {
    if (!number_) return report("an entry of 'results' has no 'id'");
    const std::string id = std::to_string(*number_);
    if (value_.has_value() == error_.has_value())
      return report("the entry of 'results' for call " + id +
                    " has to have either 'result' or 'error'");
    auto& answers = request_.answers;
    if (std::any_of(answers.begin(), answers.end(),
                    [&](const ToolAnswer& answer) { return answer.number == *number_; }))
      return report("'results' has two entries for call " + id);
    if (answers.size() == kMostCallsAtOnce)
      return report("'results' has more than " + std::to_string(kMostCallsAtOnce) + " entries");
    answers.push_back({*number_, error_ ? 1u : 0u, error_ ? *error_ : value_->json()});
  }

  const JobCaps& caps_;
  std::string field_, member_;
  bool has_token_ = false, has_results_ = false;
  ContinueRequest request_;
  std::optional<std::uint64_t> number_;  // of the entry
  std::optional<JsonCopy> value_;
  std::optional<std::string> error_;
  std::optional<std::string> problem_;
};

}  // namespace

boost::system::result<ContinueRequest, BadRequest> parse_continue(std::string_view body,
                                                                  const JobCaps& caps) {
  ContinueHandler handler(caps);
  if (const auto problem = read_fields(body, handler)) return BadRequest{400, *problem};
  return handler.finish();
}

}  // namespace pyexec
