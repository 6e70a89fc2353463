#include "server/telemetry/request_log.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "server/job/outcome.h"
#include "server/json/object_writer.h"
#include "server/telemetry/trace.h"

namespace pyexec {
namespace {

constexpr std::size_t kShownBytes = 200;
constexpr unsigned kClientHasGone = 499;  // as in nginx
constexpr unsigned kTooMany = 429, kServerErrors = 500;

double milliseconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

// Makes text from a client safe to log: short enough for a line, without control characters. A
// query may hold private data.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, kShownBytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}
// The same as one word, so that it cannot imitate another field of the line.
std::string shown_word(std::string_view text) {
  std::string out = shown(text);
  std::replace(out.begin(), out.end(), ' ', '?');
  return out;
}

unsigned status_of(const RequestRecord& record) {
  return record.status == 0 ? kClientHasGone : record.status;
}
// For a cancelled job, the outcome that its client would have got is meaningless.
std::optional<std::string_view> outcome_of(const RequestRecord& record) {
  if (!record.outcome) return std::nullopt;
  if (record.status == 0 && record.outcome == OutcomeKind::internal) return "cancelled";
  return outcome_name(*record.outcome);
}

const char* severity_of(unsigned status) {
  if (status >= kServerErrors) return "ERROR";
  return status == kTooMany ? "WARNING" : "INFO";
}

std::string http_request(const RequestRecord& record) {
  ObjectWriter members;
  if (const auto& head = record.head) {
    members.text("requestMethod", shown(head->method));
    members.text("requestUrl", shown(head->path));
    members.text("userAgent", shown(head->user_agent));
    members.text("protocol", head->is_http_1_0 ? "HTTP/1.0" : "HTTP/1.1");
  }
  members.text("requestSize", std::to_string(record.received_bytes));
  members.number("status", status_of(record));
  members.text("responseSize", std::to_string(record.sent_bytes));
  members.text("remoteIp", record.client);
  members.text("latency",
               fmt::format("{:.6f}s", milliseconds(record.ended_ns - record.began_ns) / 1e3));
  return members.object();
}

std::string phases(const RequestRecord& record) {
  ObjectWriter members;
  for (std::size_t i = 0; i < record.phases.ns.size(); ++i)
    if (record.phases.ns[i] > 0) members.milliseconds(kRequestPhases[i].name, record.phases.ns[i]);
  return members.object();
}

// Omits scrapes and probes, which arrive every few seconds.
bool is_of_interest(const RequestRecord& record) {
  if (!record.head || record.head->method == "POST") return true;
  return status_of(record) >= 400;
}

}  // namespace

void RequestRecord::add_job(const Outcome& ended) {
  outcome = ended.kind;
  has_run = ended.usage.run_ns > 0;
  queue_ns = ended.usage.queue_ns;
  run_ns = ended.usage.run_ns;
  for (std::size_t i = 0; i < phases.ns.size(); ++i)
    if (ended.phases.ns[i] > 0) phases.ns[i] = ended.phases.ns[i];
}

void RequestLog::write(const RequestRecord& record) const {
  if (is_of_interest(record)) write(record, Line::request);
}
void RequestLog::write_job(const RequestRecord& record) const {
  write(record, Line::job);
}

void RequestLog::write(const RequestRecord& record, Line line) const {
  if (log_.format() == LogFormat::quiet) return;
  log_.write_request(log_.format() == LogFormat::text ? as_text(record, line)
                                                      : as_json(record, line));
}

std::string RequestLog::sentence(const RequestRecord& record, Line line) {
  std::string out = "no HTTP";
  if (line == Line::job)
    out = "job " + record.job;
  else if (record.head)
    out = fmt::format("{} {}", shown(record.head->method), shown(record.head->path));
  out += fmt::format(" {}", status_of(record));
  if (const auto outcome = outcome_of(record)) out += fmt::format(" {}", *outcome);
  out += fmt::format(" {:.1f} ms", milliseconds(record.ended_ns - record.began_ns));
  return out;
}

std::string RequestLog::as_text(const RequestRecord& record, Line line) {
  std::string out = sentence(record, line);
  if (record.has_run)
    out += fmt::format(" (queue {:.1f}, run {:.1f})", milliseconds(record.queue_ns),
                       milliseconds(record.run_ns));
  if (record.batch_done)
    out += fmt::format(" lines={} failed={}", *record.batch_done, record.batch_failed.value_or(0));
  if (!record.key.empty()) out += " key=" + record.key;
  if (!record.message_id.empty()) out += " message=" + shown_word(record.message_id);
  if (line == Line::request && !record.job.empty()) out += " job=" + record.job;
  if (!record.request_id.empty()) out += " id=" + record.request_id;
  return out;
}

// Uses Cloud Logging's field names, and our own besides. A job's line has no request: what counts
// requests by them would count the one that began it twice.
std::string RequestLog::as_json(const RequestRecord& record, Line line) const {
  ObjectWriter members;
  members.text("severity", severity_of(status_of(record)));
  members.text("time", log_time());
  members.text("message", sentence(record, line));
  if (line == Line::request) members.json("httpRequest", http_request(record));
  if (record.head) add_trace(members, *record.head);
  if (!record.request_id.empty()) members.text("request_id", record.request_id);
  if (const auto outcome = outcome_of(record)) members.text("outcome", *outcome);
  if (!record.key.empty()) members.text("key", record.key);
  if (!record.message_id.empty()) members.text("message_id", shown(record.message_id));
  if (!record.job.empty()) members.text("job", record.job);
  if (record.has_run) {
    members.milliseconds("queue_ms", record.queue_ns);
    members.milliseconds("run_ms", record.run_ns);
    members.json("phases_ms", phases(record));
  }
  if (record.batch_done) {
    members.number("lines", record.batch_done);
    members.number("failed_lines", record.batch_failed);
  }
  return members.object();
}

void RequestLog::add_trace(ObjectWriter& members, const RequestHead& head) const {
  const auto trace = trace_of(head.traceparent, head.cloud_trace);
  if (!trace) return;
  const std::string prefix = project_.empty() ? "" : "projects/" + project_ + "/traces/";
  members.text("logging.googleapis.com/trace", prefix + trace->trace_id);
  if (!trace->span_id.empty()) members.text("logging.googleapis.com/spanId", trace->span_id);
  members.json("logging.googleapis.com/trace_sampled", trace->is_sampled ? "true" : "false");
}

}  // namespace pyexec
