#include "server/api/queue/queue_message.h"
#include "server/base/base64.h"

#include "server/job/input_rules.h"
#include "server/json/json_fields.h"

namespace pyexec {
namespace {

// The fields of use in a Pub/Sub push. Reads events, since a body may be large and hold anything.
class Envelope {
 public:
  void begin_field(std::string_view name) { field_ = name; }
  void take(const JsonEvent& event) {
    using What = JsonEvent::What;
    if (field_ == "subscription" && event.level == 0 && event.what == What::string)
      subscription = event.text;
    if (field_ != "message") return;
    if (event.level == 0) has_message = has_message || event.what == What::object;
    if (event.level != 1) return;
    if (event.what == What::key) {
      name_ = event.text;
    } else if (event.what == What::string) {
      if (name_ == "data") data = event.text;
      if (name_ == "messageId" || name_ == "message_id") id = event.text;
    }
  }

  // Returns whether the body is a push at all.
  bool read(std::string_view body) {
    return !read_fields(body, *this) && has_message && !subscription.empty();
  }

  bool has_message = false;
  std::string subscription, id, data;

 private:
  std::string field_, name_;
};

boost::system::result<Wrapped, BadRequest> unwrap_push(std::string_view body) {
  Envelope envelope;
  if (!envelope.read(body))
    return BadRequest{400,
                      "the body must be a push of Pub/Sub: an object with 'message' and "
                      "'subscription'"};
  if (envelope.id.empty()) return BadRequest{400, "the Pub/Sub message has no 'messageId'"};
  auto job = decode_base64(envelope.data);
  if (!job || job->empty())
    return BadRequest{400, "'data' of the Pub/Sub message must be a job, as base64"};
  return Wrapped{{MessageSource::pubsub, std::move(envelope.subscription), std::move(envelope.id)},
                 *std::move(job)};
}

}  // namespace

boost::system::result<Wrapped, BadRequest> unwrap(MessageSource source,
                                                  const boost::beast::http::request_header<>& head,
                                                  std::string_view body) {
  const auto named = [&](std::string_view name) { return std::string(head[name]); };
  if (source == MessageSource::cloud_tasks) {
    std::string task = named("X-CloudTasks-TaskName");
    if (task.empty())
      return BadRequest{400,
                        "the request has no X-CloudTasks-TaskName, which Cloud Tasks sets; a "
                        "job of one's own is for POST /execute"};
    return Wrapped{{source, named("X-CloudTasks-QueueName"), std::move(task)}, std::string(body)};
  }
  if (std::string id = named("x-goog-pubsub-message-id"); !id.empty())
    return Wrapped{{source, named("x-goog-pubsub-subscription-name"), std::move(id)},
                   std::string(body)};
  return unwrap_push(body);
}

bool is_push(std::string_view body) {
  return Envelope().read(body);
}

}  // namespace pyexec
