#include "server/api/health.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace pyexec {

namespace {

bool is_ready(const Service& service) {
  return service.pool.zygote() && !service.is_leaving;
}

}  // namespace

Response healthz(const Service& service) {
  // Two zygotes have had their time to get warm. A supervisor may start the service anew.
  const std::chrono::milliseconds bound(2 * service.config.zygote_start_ms);
  if (service.pool.is_stuck(bound)) return {503, R"({"status": "unavailable"})"};
  return {200, R"({"status": "ok"})"};
}

Response health(const Service& service) {
  const auto& zygote = service.pool.zygote();
  const PoolState pool = service.pool.state();
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  out.Key("status");
  out.String(service.is_leaving ? "draining" : zygote ? "healthy" : "unavailable");
  out.Key("isolation");
  const std::string isolation = isolation_document(service.isolation);
  out.RawValue(isolation.data(), isolation.size(), rapidjson::kObjectType);
  out.Key("pool");
  out.StartObject();
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"target", pool.target},
      {"ready", pool.ready},
      {"starting", pool.starting},
      {"running", pool.running},
      {"waiting", pool.waiting},
      {"zygote_starts", pool.zygote_starts},
      {"worker_failures", pool.worker_failures},
  };
  for (const auto& [name, value] : numbers) {
    out.Key(name);
    out.Uint64(value);
  }
  out.EndObject();
  out.Key("versions");
  out.StartObject();
  out.Key("pyexec");
  out.String(PYEXEC_VERSION);
  if (zygote) {
    const std::pair<const char*, const char*> versions[] = {
        {"python", zygote->python.data()},
        {"numpy", zygote->numpy.data()},
        {"pandas", zygote->pandas.data()},
    };
    for (const auto& [name, text] : versions) {
      out.Key(name);
      out.String(text);
    }
  }
  out.EndObject();
  out.EndObject();
  return {is_ready(service) ? 200u : 503u, buffer.GetString()};
}

Response metrics(Service& service) {
  const auto& zygote = service.pool.zygote();
  Present present = {.pool = service.pool.state(),
                     .running_limit = service.config.running_jobs,
                     .body_bytes = service.body_room.held(),
                     .answer_bytes = service.answer_room.held(),
                     .connections = service.connections,
                     .dropped_log_lines = dropped_log_lines(),
                     .is_ready = is_ready(service),
                     .isolation_level = service.isolation.probed.level,
                     .info = {}};
  if (zygote)
    present.info = {{"version", PYEXEC_VERSION},
                    {"python", zygote->python.data()},
                    {"numpy", zygote->numpy.data()},
                    {"pandas", zygote->pandas.data()},
                    {"isolation", isolation_name(service.isolation.probed.level)}};
  Response response = {200, service.metrics.text(present)};
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

}  // namespace pyexec
