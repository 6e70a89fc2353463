#include "server/api/health.h"

#include "server/json/object_writer.h"
#include "server/workers/isolation_document.h"

namespace pyexec {

namespace {

bool is_ready(const Api& api) {
  return api.engine.pool.zygote() && !api.lifecycle.is_leaving();
}

std::string memory_of(const Hello& zygote) {
  ObjectWriter memory;
  const bool is_image = zygote.image_bytes > 0;
  memory.text("layout", is_image ? "image" : "pages");
  if (is_image)
    memory.number("image_bytes", zygote.image_bytes);
  else
    memory.text("reason", zygote.image_refused.data());
  return memory.object();
}

}  // namespace

Response healthz(const Api& api) {
  if (api.engine.pool.is_stuck())
    return  // a supervisor may restart the service
        {503, R"({"status": "unavailable"})"};
  return {200, R"({"status": "ok"})"};
}

Response health(const Api& api) {
  const auto& zygote = api.engine.pool.zygote();
  const PoolState state = api.engine.pool.state();
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"target", state.target},
      {"ready", state.ready},
      {"starting", state.starting},
      {"running", state.running},
      {"waiting", state.waiting},
      {"zygote_starts", state.zygote_starts},
      {"worker_failures", state.worker_failures},
  };
  ObjectWriter pool;
  for (const auto& [name, value] : numbers) pool.number(name, value);
  ObjectWriter versions;
  versions.text("pyexec", PYEXEC_VERSION);
  if (zygote) {
    versions.text("python", zygote->python.data());
    versions.text("numpy", zygote->numpy.data());
    versions.text("pandas", zygote->pandas.data());
  }
  ObjectWriter out;
  out.text("status", api.lifecycle.is_leaving() ? "draining" : zygote ? "healthy" : "unavailable");
  out.json("isolation", isolation_document(api.engine.isolation));
  out.json("pool", pool.object());
  out.json("versions", versions.object());
  out.json("memory", zygote ? memory_of(*zygote) : "null");
  return {is_ready(api) ? 200u : 503u, out.object()};
}

Response metrics(Api& api) {
  const auto& zygote = api.engine.pool.zygote();
  const auto tool_jobs = api.engine.tool_jobs.count();
  Present present = {.pool = api.engine.pool.state(),
                     .sessions = api.engine.sessions.count(),
                     .templates = api.engine.templates.count(),
                     .tool_jobs = tool_jobs.jobs,
                     .waiting_tool_jobs = tool_jobs.waiting,
                     .kept_jobs = api.engine.kept_jobs.count(),
                     .running_limit = api.engine.pool.limits().running_jobs,
                     .body_bytes = api.http.body_room.held(),
                     .answer_bytes = api.http.answer_room.held(),
                     .connections = api.http.connections,
                     .dropped_log_lines = api.log.dropped(),
                     .is_ready = is_ready(api),
                     .isolation_level = api.engine.isolation.probed.level,
                     .image_bytes = zygote ? zygote->image_bytes : 0,
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
