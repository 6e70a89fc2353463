#include "server/api/mcp/mcp.h"

#include <algorithm>

#include "server/api/entrance.h"
#include "server/api/mcp/call.h"
#include "server/api/mcp/result.h"
#include "server/api/mcp/rpc.h"
#include "server/api/mcp/tools.h"
#include "server/api/packages.h"
#include "server/json/object_writer.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

using mcp::Era;
using mcp::Message;
namespace http = boost::beast::http;

mcp::Surroundings surroundings_of(const Api& api) {
  const auto& zygote = api.engine.pool.zygote();
  mcp::Surroundings here = {.has_scratch = api.engine.isolation.probed.has_scratch == 1};
  if (zygote) {
    here.python = zygote->python.data();
    here.numpy = zygote->numpy.data();
    here.pandas = zygote->pandas.data();
  }
  return here;
}

void add_caching(ObjectWriter& members) {
  constexpr std::uint64_t kMs = 600'000;
  members.number("ttlMs", kMs);
  members.text("cacheScope", "public");
}

std::string initialized(const Api& api, const Message& message) {
  const std::string wanted = message.params.text("protocolVersion").value_or("");
  const bool is_served = std::find(std::begin(mcp::kHandshake), std::end(mcp::kHandshake),
                                   wanted) != std::end(mcp::kHandshake);
  ObjectWriter server;
  server.text("name", "pyexec");
  server.text("version", PYEXEC_VERSION);
  ObjectWriter members;
  members.text("protocolVersion", is_served ? wanted : mcp::kHandshake[0]);
  members.json("capabilities", R"({"tools": {"listChanged": false}})");
  members.json("serverInfo", server.object());
  members.text("instructions", mcp::instructions(surroundings_of(api)));
  return members.object();
}

std::string discovered(const Api& api, const Message& message) {
  ObjectWriter members;
  members.json("supportedVersions", "[\"" + std::string(mcp::kStateless) + "\"]");
  members.json("capabilities", R"({"tools": {}})");
  members.text("instructions", mcp::instructions(surroundings_of(api)));
  add_caching(members);
  return mcp::finished(message, std::move(members));
}

awaitable<std::string> listed(Api& api, Exchange& exchange, const Message& message) {
  mcp::Surroundings here = surroundings_of(api);
  auto naming = package_names(api, exchange);
  here.packages = co_await std::move(naming);
  ObjectWriter members;
  std::string tools = "[";
  tools += mcp::own_tool(here, caps_of(api, exchange));
  for (const auto& [name, endpoint] : api.engine.endpoints.all()) {
    ObjectWriter tool;
    tool.text("name", name);
    if (!endpoint.description.empty()) tool.text("description", endpoint.description);
    tool.json("inputSchema", endpoint.input_schema);
    tools.append(", ").append(tool.object());
  }
  members.json("tools", tools.append("]"));
  if (message.era == Era::stateless) add_caching(members);
  co_return mcp::finished(message, std::move(members));
}

// The result of a method that needs no job, or nullopt if there is no such method.
std::optional<std::string> result_of(const Api& api, const Message& message) {
  const bool is_old = message.era == Era::handshake;
  if (message.method == "initialize" && is_old) return initialized(api, message);
  if (message.method == "ping" && is_old) return "{}";
  if (message.method == "server/discover" && !is_old) return discovered(api, message);
  return std::nullopt;
}

}  // namespace

awaitable<std::optional<Response>> answer_model(Api& api, Exchange& exchange,
                                                const Principal& principal) {
  if (!is_of_known_page(api, exchange.head()))
    co_return mcp::error_response("", {403, mcp::code::kInvalidRequest,
                                       "pages of this origin may not use this server; see "
                                       "PYEXEC_CORS_ORIGINS"});
  const auto body = co_await exchange.whole_body();
  if (!body) co_return exchange.refusal();
  std::string text;  // the message has views into it
  const auto read = [&]() -> boost::system::result<Message, Response> {
    auto checked = reserialise(*body, api.engine.caps.result_depth, "the body");
    if (!checked) return mcp::error_response("", {400, mcp::code::kParse, checked.error().message});
    text = *std::move(checked);
    return mcp::parse_message(text, exchange.head());
  };
  auto message = co_await api.offload.run(body->size(), read);
  if (!message) co_return message.error();
  if (message->id.empty()) co_return Response{202, ""};
  if (message->method == "tools/list") {
    auto listing = listed(api, exchange, *message);
    co_return mcp::result_response(*message, co_await std::move(listing));
  }
  if (auto result = result_of(api, *message)) co_return mcp::result_response(*message, *result);
  if (message->method != "tools/call")
    co_return mcp::error_response(
        message->id, {message->era == Era::stateless ? 404u : 200u, mcp::code::kNoMethod,
                      "this server has no method " + message->method});
  const std::string name = message->params.text("name").value_or("");
  const bool is_endpoint = api.engine.endpoints.find(name) != nullptr;
  if (name != mcp::kRunPython && !is_endpoint)
    co_return mcp::error_response(message->id,
                                  {200, mcp::code::kInvalidParams, "Unknown tool: " + name});
  const std::string_view arguments = message->params["arguments"];
  if (!arguments.empty() && !arguments.starts_with('{'))
    co_return mcp::error_response(
        message->id, {200, mcp::code::kInvalidParams, "params.arguments has to be an object"});
  auto running = let_run(api, principal);
  if (!running) co_return running.error();
  auto calling = is_endpoint
                     ? mcp::run_endpoint(api, exchange, *std::move(message), *std::move(running))
                     : mcp::run_python(api, exchange, *std::move(message), *std::move(running));
  co_return co_await std::move(calling);
}

}  // namespace pyexec
