// A job that a message queue delivers: Cloud Pub/Sub's push subscriptions, wrapped and unwrapped,
// and Cloud Tasks. Pure.
#pragma once

#include <boost/beast/http.hpp>
#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "server/job/job_request.h"
#include "server/telemetry/message_source.h"

namespace pyexec {

struct QueueMessage {
  MessageSource source;
  std::string queue;  // the name of its subscription or queue
  std::string id;     // the same for each delivery of a message
};

struct Wrapped {
  QueueMessage message;
  std::string job;
};

// Parses a delivery. Cloud Tasks names the task in headers, and the body is the job; so does
// Pub/Sub if it unwraps messages and writes their metadata. Otherwise Pub/Sub's body holds the job
// as base64, in `message.data`. Returns 400 for anything else.
boost::system::result<Wrapped, BadRequest> unwrap(MessageSource source,
                                                  const boost::beast::http::request_header<>& head,
                                                  std::string_view body);

// Whether `body` is a Pub/Sub envelope, with any message.
bool is_push(std::string_view body);

}  // namespace pyexec
