// A job that a message queue delivers: Cloud Pub/Sub's push subscriptions, wrapped and unwrapped,
// and Cloud Tasks. Pure.
#pragma once

#include <boost/beast/http.hpp>
#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "server/job/job_request.h"

namespace pyexec {

struct QueueMessage {
  enum class Source : std::uint8_t { pubsub, cloud_tasks, count };
  Source source;
  std::string queue;  // its subscription or queue, as it names itself
  std::string id;     // the same for each delivery of a message
};

// By headers: of Cloud Tasks, or of a Pub/Sub message that was unwrapped with its metadata. Its
// body is the job.
std::optional<QueueMessage> queue_message_of(const boost::beast::http::request_header<>& head);

// By its body: what Pub/Sub wraps a job in, which is the `data` of its `message`, as base64.
// Nothing if this is no such thing.
struct Wrapped {
  QueueMessage message;
  std::string job;
};
std::optional<boost::system::result<Wrapped, BadRequest>> unwrap(std::string_view body);

}  // namespace pyexec
