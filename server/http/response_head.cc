#include "server/http/response_head.h"

#include <boost/beast/http/status.hpp>

namespace pyexec {

namespace http = boost::beast::http;

void ResponseHead::add(std::string_view name, std::string_view value) {
  fields.append(name).append(": ").append(value.substr(0, value.find_first_of("\r\n")));
  fields += "\r\n";
}

std::string ResponseHead::text() const {
  const std::string_view reason = http::obsolete_reason(static_cast<http::status>(status));
  std::string out = version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  out.append(std::to_string(status)).append(" ").append(reason).append("\r\n").append(fields);
  if (framing == Framing::chunked) out += "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length && status != 204 && status != 304)
    out.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  // Without a Connection field the version's default applies.
  if (version == 10 && keep_alive) out += "Connection: keep-alive\r\n";
  if (version != 10 && !keep_alive) out += "Connection: close\r\n";
  return out + "\r\n";
}

}  // namespace pyexec
