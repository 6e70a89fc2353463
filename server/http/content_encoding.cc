#include "server/http/content_encoding.h"

#include "server/http/quality.h"
#include "server/job/input_rules.h"

namespace pyexec {
namespace {

std::string sent(const boost::beast::http::fields& head) {
  return joined(head, boost::beast::http::field::content_encoding);
}

}  // namespace

std::optional<ContentEncoding> content_encoding(const boost::beast::http::fields& head) {
  auto encoding = ContentEncoding::identity;
  const std::string list = sent(head);
  if (list.empty()) return encoding;
  const auto names = parse_choices(list);
  if (names.empty()) return std::nullopt;
  for (const Choice& choice : names) {
    if (choice.name == "identity") continue;
    const bool is_gzip = choice.name == "gzip" || choice.name == "x-gzip";
    if (!is_gzip || encoding == ContentEncoding::gzip) return std::nullopt;
    encoding = ContentEncoding::gzip;
  }
  return encoding;
}

std::string problem_with_encoding(const boost::beast::http::fields& head) {
  return "Content-Encoding " + in_quotes(sent(head)) +
         " is not served; send the body as it is, or as " + kServedEncodings;
}

}  // namespace pyexec
