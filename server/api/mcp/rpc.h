// JSON-RPC 2.0 as the Model Context Protocol uses it over HTTP: one message a request. Two eras of
// the protocol share the path: until 2025-11-25 a client begins with `initialize`; from 2026-07-28
// on each request names its version, and stands alone. Pure.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "server/http/exchange.h"
#include "server/http/response.h"
#include "server/json/json_members.h"

namespace pyexec::mcp {

enum class Era { handshake, stateless };

inline constexpr std::string_view kStateless = "2026-07-28";
// The first is answered to a client that asks for another one.
inline constexpr std::string_view kHandshake[] = {"2025-11-25", "2025-06-18", "2025-03-26"};
inline constexpr const char* kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr const char* kMetaServer = "io.modelcontextprotocol/serverInfo";

// Views into the text of the message, which must outlive it.
struct Message {
  std::string id;  // JSON; "" of a notification, which gets no answer
  std::string method;
  JsonMembers params, meta;
  Era era = Era::handshake;
};

struct Error {
  unsigned status;  // of the answer
  int code;
  std::string message;
  std::string data = {};  // JSON; "": none
};

namespace code {
inline constexpr int kParse = -32700, kInvalidRequest = -32600, kNoMethod = -32601,
                     kInvalidParams = -32602, kHeaderMismatch = -32020, kVersion = -32022;
}  // namespace code

// Whether this JSON can name a message, or its progress: a string or a number.
bool is_id(std::string_view json);
// text: as `reserialise` has written it.
boost::system::result<Message, Response> parse_message(std::string_view text,
                                                       const Exchange::Head& head);

Response result_response(const Message& message, std::string_view result);
// id: JSON; "" if it is not known.
Response error_response(std::string_view id, const Error& error);
// The same as texts, for an answer that is streamed.
std::string result_text(const Message& message, std::string_view result);
std::string error_text(std::string_view id, const Error& error);

}  // namespace pyexec::mcp
