#include "server/api/mcp/rpc.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "server/base/base64.h"
#include "server/json/object_writer.h"

namespace pyexec::mcp {
namespace {

std::string_view header(const Exchange::Head& head, std::string_view name) {
  return head[boost::beast::string_view(name.data(), name.size())];
}

// A name that is not plain text comes as =?base64?...?=
std::optional<std::string> decoded(std::string_view value) {
  constexpr std::string_view kBegin = "=?base64?", kEnd = "?=";
  if (!value.starts_with(kBegin) || !value.ends_with(kEnd)) return std::string(value);
  value.remove_prefix(kBegin.size());
  value.remove_suffix(std::min(value.size(), kEnd.size()));
  return decode_base64(value);
}

std::string at_most() {
  return " of at most " + std::to_string(JsonMembers::kMost) + " members";
}

Error mismatch(const std::string& what) {
  return {400, code::kHeaderMismatch, what};
}

std::string unserved_version(std::string_view version) {
  ObjectWriter data;
  data.json("supported", "[\"" + std::string(kStateless) + "\"]");
  data.text("requested", version);
  return data.object();
}

// What a request of the stateless era has to say in its head and of itself.
std::optional<Error> problem_with(const Message& message, const Exchange::Head& head) {
  const auto version = message.meta.text(kMetaVersion);
  if (!version)
    return Error{400, code::kInvalidParams,
                 std::string("params._meta has to name ") + kMetaVersion};
  if (!message.meta[kMetaCapabilities].starts_with('{'))
    return Error{400, code::kInvalidParams,
                 std::string("params._meta has to have an object ") + kMetaCapabilities};
  const std::string_view sent = header(head, "MCP-Protocol-Version");
  if (sent != *version)
    return mismatch("the header MCP-Protocol-Version has to be as _meta says: " + *version);
  if (*version != kStateless)
    return Error{400, code::kVersion, "this server speaks " + std::string(kStateless),
                 unserved_version(*version)};
  if (header(head, "Mcp-Method") != message.method)
    return mismatch("the header Mcp-Method has to be as the message says: " + message.method);
  auto name = message.params.text("name");
  if (!name) name = message.params.text("uri");
  const bool has_name = message.method == "tools/call" || message.method == "prompts/get" ||
                        message.method == "resources/read";
  if (has_name && name && decoded(header(head, "Mcp-Name")) != *name)
    return mismatch("the header Mcp-Name has to be as the message says: " + *name);
  return std::nullopt;
}

Era era_of(const Message& message, const Exchange::Head& head) {
  const std::string_view version = header(head, "MCP-Protocol-Version");
  const bool is_known =
      std::find(std::begin(kHandshake), std::end(kHandshake), version) != std::end(kHandshake);
  const bool names_version = message.meta.has(kMetaVersion);
  return names_version || (!version.empty() && !is_known) || message.method == "server/discover"
             ? Era::stateless
             : Era::handshake;
}

}  // namespace

bool is_id(std::string_view json) {
  return json.starts_with('"') || json.starts_with('-') ||
         (!json.empty() && json.front() >= '0' && json.front() <= '9');
}

boost::system::result<Message, Response> parse_message(std::string_view text,
                                                       const Exchange::Head& head) {
  const auto members = JsonMembers::of(text);
  if (!members)
    return error_response("", {400, code::kInvalidRequest,
                               "the body has to be one JSON-RPC message, an object" + at_most()});
  Message message;
  const std::string_view id = (*members)["id"];
  if (is_id(id)) message.id = id;
  if (!id.empty() && !is_id(id))
    return error_response("", {400, code::kInvalidRequest, "'id' has to be a string or a number"});
  if (members->text("jsonrpc") != "2.0")
    return error_response(message.id, {400, code::kInvalidRequest, "'jsonrpc' has to be \"2.0\""});
  if (!members->has("method") && (members->has("result") || members->has("error"))) {
    message.id.clear();  // an answer to what this server has never asked
    return message;
  }
  const auto method = members->text("method");
  if (!method)
    return error_response(message.id, {400, code::kInvalidRequest, "'method' has to be a string"});
  message.method = *method;
  auto params = JsonMembers::of((*members)["params"]);
  if (members->has("params") && !params)
    return error_response(message.id,
                          {400, code::kInvalidParams, "'params' has to be an object" + at_most()});
  if (params) message.params = *std::move(params);
  message.meta = message.params.object("_meta");
  message.era = era_of(message, head);
  if (message.era == Era::stateless && !message.id.empty())
    if (const auto problem = problem_with(message, head))
      return error_response(message.id, *problem);
  return message;
}

std::string result_text(const Message& message, std::string_view result) {
  ObjectWriter out;
  out.text("jsonrpc", "2.0");
  out.json("id", message.id);
  out.json("result", result);
  return out.object();
}

std::string error_text(std::string_view id, const Error& error) {
  ObjectWriter inner;
  inner.json("code", std::to_string(error.code));
  inner.text("message", error.message);
  if (!error.data.empty()) inner.json("data", error.data);
  ObjectWriter out;
  out.text("jsonrpc", "2.0");
  out.json("id", id.empty() ? "null" : id);
  out.json("error", inner.object());
  return out.object();
}

Response result_response(const Message& message, std::string_view result) {
  return {200, result_text(message, result)};
}

Response error_response(std::string_view id, const Error& error) {
  return {error.status, error_text(id, error)};
}

}  // namespace pyexec::mcp
