#include "server/workers/isolation_document.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/utsname.h>

#include <cstring>

namespace pyexec {
namespace {

template <typename Writer>
void write_features(Writer& out, const Probed& probed) {
  out.StartObject();
  const std::pair<const char*, bool> features[] = {
      {"threads", probed.level > 0},
      {"subprocess", probed.has_processes == 1},
      {"multiprocessing", probed.has_processes == 1},
      {"scratch", probed.has_scratch == 1},          // a place to write: $TMPDIR
      {"private_tmp", probed.has_private_tmp == 1},  // and it is /tmp, the working directory
      {"file_locks", probed.has_file_locks == 1},    // fcntl and flock on its own files
      {"sessions", probed.has_sessions == 1},        // setsid, subprocess with start_new_session
  };
  for (const auto& [name, there] : features) {
    out.Key(name);
    out.Bool(there);
  }
  out.EndObject();
}

template <typename Writer>
void write_level(Writer& out, const Probed& probed) {
  out.Key("level");
  out.Uint(probed.level);
  out.Key("name");
  out.String(isolation_name(probed.level));
  out.Key("jail");
  if (probed.level > 0)
    out.String(probed.tried[probed.tried_count - 1].plan.data());
  else
    out.Null();
  out.Key("platform");
  out.String(platform().c_str());
}

}  // namespace

std::string isolation_document(const Isolation& isolation) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  write_level(out, isolation.probed);
  out.Key("features");
  write_features(out, isolation.probed);
  out.Key("selftest");
  out.StartObject();
  out.Key("run");
  out.Uint64(isolation.selftest_run);
  out.Key("blocked");
  out.Uint64(isolation.selftest_blocked);
  out.EndObject();
  out.EndObject();
  return buffer.GetString();
}

std::string probe_document(const Probed& probed) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> out(buffer);
  out.SetIndent(' ', 2);
  out.StartObject();
  write_level(out, probed);
  utsname host = {};
  ::uname(&host);
  out.Key("kernel");
  out.String(host.release);
  out.Key("machine");
  out.String(host.machine);
  out.Key("landlock_abi");
  out.Uint(probed.landlock_abi);
  out.Key("features");
  write_features(out, probed);
  out.Key("layers");
  out.StartObject();
  for (std::size_t i = 0; i < sandbox::kLayerCount; ++i) {
    out.Key(sandbox::kLayerTexts[i].name);
    out.StartObject();
    out.Key("works");
    out.Bool(probed.layers[i] == 0);
    if (probed.layers[i] != 0) {
      out.Key("errno");
      out.String(::strerrorname_np(probed.layers[i]));
    }
    out.Key("gives");
    out.String(sandbox::kLayerTexts[i].what);
    out.EndObject();
  }
  out.EndObject();
  out.Key("jails_tried");
  out.StartArray();
  for (std::uint32_t i = 0; i < probed.tried_count; ++i) {
    out.StartObject();
    out.Key("jail");
    out.String(probed.tried[i].plan.data());
    out.Key("failed_at");
    if (probed.tried[i].error.failed())
      out.String(sandbox::describe(probed.tried[i].error).c_str());
    else
      out.Null();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace pyexec
