// Of pyexec-load: the request as bytes, and what an answer to it is worth.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <boost/beast/http.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace pyexec::load {

namespace http = boost::beast::http;
using HttpResponse = http::response<http::string_body>;

struct ProbeLimits {
  std::string script, request, path;  // one of them: files to post, or a path to GET
  std::string answer;                 // file with the JSON that must come back, or nothing
  std::string outcome;  // what Pyexec-Outcome must say; nothing: the status must be 200
};

inline std::string read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + name);
  return text.str();
}

class LoadExchange {
 public:
  enum class Verdict { right, refused, wrong };

  explicit LoadExchange(const ProbeLimits& wanted)
      : outcome_(wanted.outcome), has_answer_(!wanted.answer.empty()) {
    http::request<http::string_body> request(http::verb::get, wanted.path, 11);
    request.set(http::field::host, "bench");
    if (wanted.path.empty()) {
      request.method(http::verb::post);
      request.target("/execute");
      request.set(http::field::content_type, "application/json");
      request.body() =
          wanted.request.empty() ? body_with(wanted.script) : read_file(wanted.request);
      request.prepare_payload();
    }
    std::ostringstream text;
    text << request;
    bytes_ = text.str();
    if (has_answer_) answer_.Parse(read_file(wanted.answer).c_str());
    if (answer_.HasParseError()) throw std::runtime_error("the answer is not JSON");
  }

  const std::string& bytes() const { return bytes_; }

  // A refusal says when to try again; one that does not is wrong.
  Verdict judge(const HttpResponse& response) const {
    const bool refuses = response.result_int() == 429 || response.result_int() == 503;
    if (refuses && response.count(http::field::retry_after) > 0) return Verdict::refused;
    return is_right(response) ? Verdict::right : Verdict::wrong;
  }

  // "429 busy"; without the outcome where something else than pyexec answered.
  static std::string reason(const HttpResponse& response) {
    const std::string outcome(response["Pyexec-Outcome"]);
    return std::to_string(response.result_int()) + (outcome.empty() ? "" : " " + outcome);
  }

 private:
  static std::string body_with(const std::string& script_file) {
    rapidjson::StringBuffer body;
    rapidjson::Writer writer(body);
    const std::string script = read_file(script_file);
    writer.StartObject();
    writer.Key("script");
    writer.String(script.data(), static_cast<rapidjson::SizeType>(script.size()));
    writer.EndObject();
    return body.GetString();
  }

  bool is_right(const HttpResponse& response) const {
    if (outcome_.empty() && response.result() != http::status::ok) return false;
    if (!outcome_.empty() && response["Pyexec-Outcome"] != outcome_) return false;
    if (!has_answer_) return true;
    rapidjson::Document found;
    found.Parse(response.body().c_str());
    return !found.HasParseError() && found == answer_;
  }

  std::string bytes_, outcome_;
  bool has_answer_;
  rapidjson::Document answer_;
};

}  // namespace pyexec::load
