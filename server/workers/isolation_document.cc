#include "server/workers/isolation_document.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <sys/utsname.h>

#include <cstring>

#include "server/json/object_writer.h"
#include "server/workers/isolation_advice.h"

namespace pyexec {
namespace {

std::string features_of(const Probed& probed) {
  ObjectWriter out;
  out.boolean("threads", probed.level > 0);
  out.boolean("subprocess", probed.has_processes == 1);
  out.boolean("multiprocessing", probed.has_processes == 1);
  out.boolean("scratch", probed.has_scratch == 1);          // a place to write: $TMPDIR
  out.boolean("private_tmp", probed.has_private_tmp == 1);  // it is /tmp, the working directory
  out.boolean("file_locks", probed.has_file_locks == 1);    // fcntl and flock on the job's files
  out.boolean("sessions", probed.has_sessions == 1);  // setsid, subprocess with start_new_session
  // A session keeps the state after each cell; else only the newest.
  out.boolean("checkpoints", probed.has_processes == 1);
  // A template's jobs are forked from one set-up; else the set-up runs anew for each.
  out.boolean("template_forks", probed.has_processes == 1 && probed.keeps_jails == 1);
  return out.object();
}

void add_level(ObjectWriter& out, const Probed& probed) {
  out.number("level", probed.level);
  out.text("name", isolation_name(probed.level));
  if (probed.level > 0)
    out.text("jail", probed.tried[probed.tried_count - 1].plan.data());
  else
    out.json("jail", "null");
  out.text("platform", platform());
  out.boolean("keeps_jails", probed.keeps_jails == 1);  // those that are proven untouched
}

std::string layers_of(const Probed& probed) {
  ObjectWriter layers;
  for (std::size_t i = 0; i < sandbox::kLayerCount; ++i) {
    ObjectWriter layer;
    layer.boolean("works", probed.layers[i] == 0);
    if (probed.layers[i] != 0) layer.text("errno", ::strerrorname_np(probed.layers[i]));
    layer.text("gives", sandbox::kLayerTexts[i].what);
    layers.json(sandbox::kLayerTexts[i].name, layer.object());
  }
  return layers.object();
}

std::string jails_tried(const Probed& probed) {
  std::string list;
  for (std::uint32_t i = 0; i < probed.tried_count; ++i) {
    const auto& tried = probed.tried[i];
    ObjectWriter jail;
    jail.text("jail", tried.plan.data());
    if (tried.error.failed())
      jail.text("failed_at", sandbox::describe(tried.error));
    else
      jail.json("failed_at", "null");
    if (!list.empty()) list += ", ";
    list += jail.object();
  }
  return "[" + list + "]";
}

// Puts each member on its own line, for human readers.
std::string indented(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> out(buffer);
  out.SetIndent(' ', 2);
  document.Accept(out);
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace

std::string isolation_document(const Isolation& isolation) {
  ObjectWriter selftest;
  selftest.number("run", isolation.selftest_run);
  selftest.number("blocked", isolation.selftest_blocked);
  ObjectWriter out;
  add_level(out, isolation.probed);
  out.json("features", features_of(isolation.probed));
  out.json("selftest", selftest.object());
  return out.object();
}

std::string probe_document(const Probed& probed, std::uint32_t max_level) {
  utsname host = {};
  ::uname(&host);
  ObjectWriter out;
  add_level(out, probed);
  out.text("kernel", host.release);
  out.text("machine", host.machine);
  out.number("landlock_abi", probed.landlock_abi);
  out.json("features", features_of(probed));
  out.json("layers", layers_of(probed));
  out.json("jails_tried", jails_tried(probed));
  out.text("next", next_level(probed, max_level));
  return indented(out.object());
}

}  // namespace pyexec
