// The request log: one line for each request, written when its answer has been sent, and one for
// each job that no request waits for, written when it has ended.
#pragma once

#include <optional>
#include <string>

#include "server/telemetry/log.h"
#include "server/telemetry/request_record.h"

namespace pyexec {

class RequestLog {
 public:
  // project: in Google Cloud, so that its log finds a request's trace; may be empty.
  RequestLog(Log& log, std::string project) : log_(log), project_(std::move(project)) {}

  void write(const RequestRecord& record) const;
  // record: of the request that began the job, with the job's status, outcome and end.
  void write_job(const RequestRecord& record) const;

 private:
  enum class Line : bool { request, job };
  void write(const RequestRecord& record, Line line) const;
  static std::string sentence(const RequestRecord& record, Line line);
  static std::string as_text(const RequestRecord& record, Line line);
  std::string as_json(const RequestRecord& record, Line line) const;
  void add_trace(class ObjectWriter& members, const RequestHead& head) const;

  Log& log_;
  std::string project_;
};

}  // namespace pyexec
