#include "server/docs/openapi_schemas.h"

#include "server/docs/openapi_json.h"
#include "server/docs/told.h"
#include "server/job/answer.h"
#include "server/job/outcome.h"

namespace pyexec {
namespace {

constexpr std::string_view kPing = "ping";

// Theirs, not ours: they may add to it.
constexpr std::string_view kPubSubPush = R"({
  "type": "object", "description": "what a push subscription of Cloud Pub/Sub sends",
  "properties": {
    "message": {"type": "object", "properties": {
      "messageId": {"type": "string"}, "message_id": {"type": "string"},
      "data": {"type": "string", "contentEncoding": "base64", "description": "a Job"}},
      "required": ["data"]},
    "subscription": {"type": "string"}},
  "required": ["message", "subscription"]})";

std::string is_text(std::string_view text) {
  std::string schema = "\"const\": ";
  append_json_string(schema, text);
  return schema;
}

// An object that has its members and no others.
class Strict {
 public:
  void add(const ToldMember& member) {
    properties_.json(member.name, in_braces(member.schema));
    if (member.there == There::always) required_.add_text(member.name);
  }
  void add(std::span<const ToldGroup> groups) {
    for (const ToldGroup group : groups)
      for (const ToldMember& member : group) add(member);
  }
  // Nothing in `begun` is said again.
  std::string schema(Members begun) {
    begun.text("type", "object");
    begun.json("properties", properties_.object());
    if (!required_.empty()) begun.json("required", required_.array());
    begun.json("additionalProperties", "false");
    return begun.object();
  }

 private:
  Members properties_;
  JsonList required_;
};

std::string shape_schema(const Shape& shape) {
  Strict object;
  object.add(shape.groups);
  Members schema;
  schema.text("description", shape.description);
  if (!shape.goes_with.empty()) schema.json("dependentRequired", shape.goes_with);
  return object.schema(std::move(schema));
}

std::string field_schema(const JobField& field, const JobCaps& caps) {
  Members words;
  words.text("description", field.meaning);
  words.text("x-pyexec-values", field.shown);
  if (field.most != nullptr) words.number("maximum", caps.*field.most);
  std::string schema = words.object();
  schema.back() = ',';
  schema += field.schema;
  return schema + '}';
}

struct JobSchema {
  std::string_view name;
  std::string_view description;
  FieldOf last;  // its fields, and those before
  std::string_view required;
};
constexpr JobSchema kJobSchemas[] = {
    {"Job", "a script and what it works with", FieldOf::job, R"(["script"])"},
    {"BatchLine", "a job of a batch; its `script` may be that of the defaults", FieldOf::batch_line,
     "[]"},
    {"BatchDefaults", "the first line of a batch, if it is no job", FieldOf::batch_header,
     R"(["defaults"])"},
};

std::string job_schema(const JobSchema& row, const JobCaps& caps) {
  Members properties, schema;
  for (const JobField& field : job_fields())
    if (field.of <= row.last) properties.json(field.name, field_schema(field, caps));
  schema.text("type", "object");
  schema.text("description", row.description);
  schema.json("properties", properties.object());
  schema.json("required", row.required);
  schema.json("additionalProperties", "false");
  return schema.object();
}

ToldMember event_name(const std::string& schema) {
  return {"event", schema};
}

std::string line_schema(std::string_view name, std::string_view when,
                        std::span<const ToldGroup> groups) {
  const std::string is_this = is_text(name);
  Strict object;
  object.add(event_name(is_this));
  object.add(groups);
  Members schema;
  schema.text("description", when);
  return object.schema(std::move(schema));
}

std::string sent_schema(const ToldEvent& event) {
  Strict data;
  data.add(event.groups);
  const std::string is_this = is_text(event.name);
  std::string inner = data.schema({});
  inner = inner.substr(1, inner.size() - 2);
  Strict object;
  object.add(event_name(is_this));
  object.add({"data", inner});
  Members schema;
  schema.text("description", event.when);
  return object.schema(std::move(schema));
}

std::string one_of(std::string_view description, const JsonList& choices) {
  Members schema;
  schema.text("description", description);
  schema.json("oneOf", choices.array());
  return schema.object();
}

void add_events(Members& schemas) {
  JsonList lines, sent;
  for (const ToldEvent& event : told_events()) {
    lines.add(line_schema(event.name, event.when, event.groups));
    sent.add(sent_schema(event));
  }
  lines.add(line_schema(kPing, "nothing has happened for a while", {}));
  schemas.json("Event", one_of("a line of a live answer", lines));
  schemas.json("ServerSentEvent",
               one_of("an event of a live answer, `data` read as JSON; a ping is a comment", sent));
}

std::string outcome_schema() {
  JsonList names;
  for (std::size_t i = 0; i < kOutcomes; ++i)
    names.add_text(outcome_name(static_cast<OutcomeKind>(i)));
  Members schema;
  schema.text("type", "string");
  schema.text("description", "what became of a request");
  schema.json("enum", names.array());
  return schema.object();
}

}  // namespace

std::string openapi_schemas(const JobCaps& caps) {
  Members schemas;
  for (const JobSchema& row : kJobSchemas) schemas.json(row.name, job_schema(row, caps));
  schemas.json("Outcome", outcome_schema());
  for (const Shape& shape : told_shapes()) schemas.json(shape.name, shape_schema(shape));
  const auto any_of = [](std::initializer_list<std::string_view> names) {
    JsonList choices;
    for (const std::string_view name : names) choices.add(reference("schemas", name));
    return choices;
  };
  schemas.json("Delivery",
               one_of("what became of a message of a queue; its status is in the body",
                      any_of({"DeliveryResult", "DeliveryFailure", "DeliveryDuplicate"})));
  schemas.json("PubSubPush", std::string(kPubSubPush));
  schemas.json("BatchAnswer", one_of("what became of one line",
                                     any_of({"BatchResult", "BatchFailure", "BatchRefusal"})));
  add_events(schemas);
  return schemas.object();
}

}  // namespace pyexec
