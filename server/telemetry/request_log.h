// The request log: one line for each request, written when its answer has been sent.
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

 private:
  std::string as_json(const RequestRecord& record) const;
  void add_trace(class ObjectWriter& members, const RequestHead& head) const;

  Log& log_;
  std::string project_;
};

}  // namespace pyexec
