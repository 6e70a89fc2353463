#include "server/health.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace pyexec {

Response healthz() {
  return {200, R"({"status": "ok"})"};
}

Response health(const Service& service) {
  const auto& zygote = service.pool.zygote();
  const bool is_ready = zygote && !service.is_leaving;
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
  return {is_ready ? 200u : 503u, buffer.GetString()};
}

Response metrics(Service& service) {
  Response response = {200,
                       service.metrics.text(service.pool.state(), service.body_bytes.admitted())};
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

}  // namespace pyexec
