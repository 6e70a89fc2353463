#include "server/docs/openapi_routes.h"

#include <map>

namespace pyexec {
namespace {

constexpr std::string_view kJson = "application/json", kLines = "application/x-ndjson",
                           kSentEvents = "text/event-stream", kAny = "";

#define REF(name) R"({"$ref": "#/components/schemas/)" name R"("})"
#define ARRAY(name) R"({"type": "array", "items": )" REF(name) "}"

}  // namespace

const std::vector<Answered>& answers_of(RouteName name) {
  static const std::vector<Content> error = {{kJson, REF("Error")}};
  static const Answered method = {405, "not a method of this path: `Allow` names them", error};
  static const Answered header = {431, "the header of the request is too large", error};
  static const Answered failed = {500, "not the client's fault", error};
  static const std::vector<Answered> delivery = {
      {200, "what became of the job: not to be delivered again", {{kJson, REF("Delivery")}}},
      {400, "", {{kJson, kAny}}},
      {401, "", {{kJson, kAny}}},
      {405, "", {{kJson, kAny}}},
      {413, "", {{kJson, kAny}}},
      {415, "", {{kJson, kAny}}},
      {429, "", {{kJson, kAny}}},
      {500, "", {{kJson, kAny}}},
      header};
  static const std::map<RouteName, std::vector<Answered>> rows = {
      {RouteName::execute,
       {{200,
         "",
         {{kJson, kAny},
          {kSentEvents, REF("ServerSentEvent"), "event"},
          {kLines, REF("Event"), "line"}}},
        {400, "", {{kJson, kAny}}},
        {401, "", {{kJson, kAny}}},
        {405, "", {{kJson, kAny}}},
        {413, "", {{kJson, kAny}}},
        {415, "", {{kJson, kAny}}},
        {422, "", {{kJson, kAny}}},
        {429, "", {{kJson, kAny}}},
        {500, "", {{kJson, kAny}}},
        header}},
      {RouteName::batch,
       {{200,
         "the outcome of each line, and its status, is in the answer to it",
         {{kLines, R"({"oneOf": [)" REF("BatchAnswer") ", " REF("Progress") "]}", "line"},
          {kJson, ARRAY("BatchAnswer")}}},
        {401, "", {{kJson, kAny}}},
        {405, "", {{kJson, kAny}}},
        {415, "", {{kJson, kAny}}},
        {500, "", {{kJson, kAny}}},
        header}},
      {RouteName::queue_pubsub, delivery},
      {RouteName::queue_tasks, delivery},
      {RouteName::health,
       {{200, "jobs can be run", {{kJson, REF("Health")}}},
        {503, "no worker can be made", {{kJson, REF("Health")}}},
        method,
        header,
        failed}},
      {RouteName::healthz,
       {{200, "it answers", {{kJson, REF("Alive")}}},
        {503, "no worker could be made for long: start the service anew", {{kJson, REF("Alive")}}},
        method,
        header,
        failed}},
      {RouteName::metrics,
       {{200, "in Prometheus' text format", {{"text/plain", R"({"type": "string"})"}}},
        method,
        header,
        failed}},
      {RouteName::openapi,
       {{200, "OpenAPI 3.1", {{kJson, R"({"type": "object"})"}}}, method, header, failed}},
      {RouteName::page,
       {{200, "HTML, without scripts", {{"text/html", R"({"type": "string"})"}}},
        method,
        header,
        failed}},
  };
  return rows.at(name);
}

const TakenBody* taken_by(RouteName name) {
  static const char* const kLine = R"({"oneOf": [)" REF("BatchDefaults") ", " REF("BatchLine") "]}";
  static const TakenBody job = {"the script, and what it works with", {{kJson, REF("Job")}}};
  static const TakenBody push = {
      "what Pub/Sub pushes: a job, wrapped, or unwrapped with its metadata",
      {{kJson, R"({"oneOf": [)" REF("Job") ", " REF("PubSubPush") "]}"}}};
  static const TakenBody jobs = {
      "a job a line, or an array of jobs; the first may be the defaults of the others",
      {{kLines, kLine, "line"},
       {"application/ndjson", kLine, "line"},
       {"application/jsonl", kLine, "line"},
       {kJson, R"({"type": "array", "items": {"oneOf": [)" REF("BatchDefaults") ", " REF(
                   "BatchLine") "]}}"}}};
  if (name == RouteName::execute || name == RouteName::queue_tasks) return &job;
  if (name == RouteName::queue_pubsub) return &push;
  return name == RouteName::batch ? &jobs : nullptr;
}

std::string_view description_of(RouteName name) {
  switch (name) {
    case RouteName::execute:
      return "Runs the script's `main()` in a worker of its own and answers with what it returned "
             "and printed. With `Accept: text/event-stream` or `application/x-ndjson` the answer "
             "is told while the job runs: its status is then 200 as soon as the job is admitted, "
             "and the last event, `end`, has the outcome and the status that an ordinary answer "
             "would have had. A client that goes has its job killed.";
    case RouteName::queue_pubsub:
      return "For a push subscription. A message is answered with 200 once its job is over, "
             "however it ended, and is not run again within a window; with 429 and 500 it is to be "
             "delivered again. The message comes wrapped, or unwrapped with its metadata in "
             "headers "
             "(`x-goog-pubsub-message-id`).";
    case RouteName::queue_tasks:
      return "For a queue of Cloud Tasks, which names the task in `X-CloudTasks-TaskName`; the "
             "body "
             "is the job. Answered as a push of Pub/Sub is.";
    case RouteName::batch:
      return "Runs each line as a job, several at a time, and answers to each as soon as it ends: "
             "lines to lines, in the order in which jobs end; an array to an array, in the order "
             "of the jobs. A line that is wrong is answered with what is wrong, and the others "
             "run. Single requests come first: a batch leaves a core to them.";
    case RouteName::metrics:
      return "Times of requests and of making workers phase by phase, pool hits and misses, "
             "workers by state, jobs by outcome.";
    default:
      return "Needs no API key. HEAD is answered like GET, without the body.";
  }
}

}  // namespace pyexec
