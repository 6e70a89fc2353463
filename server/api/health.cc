#include "server/api/health.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "server/workers/isolation_document.h"

namespace pyexec {

namespace {

bool is_ready(const Api& api) {
  return api.engine.pool.zygote() && !api.lifecycle.is_leaving();
}

}  // namespace

Response healthz(const Api& api) {
  if (api.engine.pool.is_stuck())
    return  // a supervisor may start the service anew
        {503, R"({"status": "unavailable"})"};
  return {200, R"({"status": "ok"})"};
}

Response health(const Api& api) {
  const auto& zygote = api.engine.pool.zygote();
  const PoolState pool = api.engine.pool.state();
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  out.Key("status");
  out.String(api.lifecycle.is_leaving() ? "draining" : zygote ? "healthy" : "unavailable");
  out.Key("isolation");
  const std::string isolation = isolation_document(api.engine.isolation);
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
  return {is_ready(api) ? 200u : 503u, buffer.GetString()};
}

Response metrics(Api& api) {
  const auto& zygote = api.engine.pool.zygote();
  Present present = {.pool = api.engine.pool.state(),
                     .running_limit = api.engine.pool.limits().running_jobs,
                     .body_bytes = api.http.body_room.held(),
                     .answer_bytes = api.http.answer_room.held(),
                     .connections = api.http.connections,
                     .dropped_log_lines = api.log.dropped(),
                     .is_ready = is_ready(api),
                     .isolation_level = api.engine.isolation.probed.level,
                     .info = {}};
  if (zygote)
    present.info = {{"version", PYEXEC_VERSION},
                    {"python", zygote->python.data()},
                    {"numpy", zygote->numpy.data()},
                    {"pandas", zygote->pandas.data()},
                    {"isolation", isolation_name(api.engine.isolation.probed.level)}};
  Response response = {200, api.metrics.text(present)};
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

}  // namespace pyexec
